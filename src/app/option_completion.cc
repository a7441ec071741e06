// Each shell is told the names, the words an option chooses from, and which options take a file or
// an interface. Tested by tests/docs/test_documents.py in the shells themselves.

#include "app/option_completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/option_table.h"
#include "ctl/completion.h"

namespace neosocksd::app {
namespace {

bool takes_file(const OptionSpec& spec) {
    return spec.argument == "FILE";
}

bool takes_interface(const OptionSpec& spec) {
    return spec.argument == "INTERFACE";
}

// 'text' for a POSIX shell, zsh or fish.
std::string quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'')
            result += "'\\''";
        else
            result += c;
    }
    return result + '\'';
}

// In a zsh specification "[", "]" and ":" have a meaning.
std::string zsh_text(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
        result += c;
    }
    return result;
}

}  // namespace

std::string bash_completion() {
    std::string all;
    std::string cases;
    for (const OptionSpec& spec : option_table()) {
        for (const std::string_view name : spec.names())
            all += fmt::format("{}{}", all.empty() ? "" : " ", name);
        if (!spec.takes_argument()) continue;
        std::string reply = "COMPREPLY=()";
        if (!spec.words.empty())
            reply = fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))",
                                fmt::join(spec.words, " "));
        else if (takes_file(spec))
            reply = "COMPREPLY=($(compgen -f -- \"$word\"))";
        else if (takes_interface(spec))
            reply = "COMPREPLY=($(compgen -W \"$(ls /sys/class/net 2>/dev/null)\" -- \"$word\"))";
        // What may be left out must not hide the options that may follow.
        const std::string_view leave = spec.argument_optional ? "" : "\n            return";
        cases += fmt::format("        {})\n            {}{}\n            ;;\n",
                             fmt::join(spec.names(), " | "), reply, leave);
    }
    return fmt::format(
        "# bash completion for neosocksd: neosocksd --help-as bash\n"
        "_neosocksd() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}}\n{}"
        "    case ${{COMP_WORDS[COMP_CWORD - 1]}} in\n{}"
        "    esac\n"
        "    local first=\n"
        "    [[ $COMP_CWORD -eq 1 ]] && first=ctl\n"
        "    COMPREPLY=($(compgen -W \"$first {}\" -- \"$word\"))\n"
        "}}\n"
        "complete -F _neosocksd neosocksd\n",
        ctl::bash_completion(), cases, all);
}

std::string zsh_completion() {
    std::string rows;
    for (const OptionSpec& spec : option_table()) {
        std::string action;
        if (spec.takes_argument()) {
            std::string_view values = " ";
            std::string words;
            if (!spec.words.empty()) {
                words = fmt::format("({})", fmt::join(spec.words, " "));
                values = words;
            } else if (takes_file(spec)) {
                values = "_files";
            } else if (takes_interface(spec)) {
                values = "_net_interfaces";
            }
            action = fmt::format(":{}{}:{}", spec.argument_optional ? ":" : "",
                                 zsh_text(spec.argument), values);
        }
        for (const std::string_view name : spec.names())
            rows += fmt::format(
                "    {} \\\n", quoted(fmt::format("*{}[{}]{}", name, zsh_text(spec.help), action)));
    }
    return fmt::format(
        "#compdef neosocksd\n"
        "# zsh completion for neosocksd: neosocksd --help-as zsh\n{}"
        "_arguments \\\n{}    '1: :(ctl)' && return 0\n",
        ctl::zsh_completion(), rows);
}

std::string fish_completion() {
    std::string rows =
        "# fish completion for neosocksd: neosocksd --help-as fish\n"
        "complete -c neosocksd -f\n";
    for (const OptionSpec& spec : option_table()) {
        for (const std::string_view name : spec.names()) {
            const bool is_long = name.starts_with("--");
            rows +=
                fmt::format("complete -c neosocksd -n '{}' -{} {} -d {}", ctl::kFishElsewhere,
                            is_long ? "l" : "s", name.substr(is_long ? 2 : 1), quoted(spec.help));
            if (spec.takes_argument() && !spec.argument_optional)
                rows += takes_file(spec) ? " -r -F" : " -x";
            if (!spec.words.empty())
                rows +=
                    fmt::format(" -a {}", quoted(fmt::format("{}", fmt::join(spec.words, " "))));
            if (takes_interface(spec)) rows += " -a '(ls /sys/class/net)'";
            rows += '\n';
        }
    }
    return rows + ctl::fish_completion();
}

}  // namespace neosocksd::app
