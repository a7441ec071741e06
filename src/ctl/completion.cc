// The scripts are plain: commands, options, and files where one is expected.

#include "ctl/completion.h"

#include <string_view>

#include <fmt/format.h>

#include "ctl/arguments.h"

namespace neosocksd::ctl {
namespace {

bool takes_file(const WordSpec& word) {
    return word.argument.contains("FILE");
}

// No text of ours holds a quote; zsh has a meaning for ":" and brackets.
std::string zsh_text(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == ':' || c == '[' || c == ']') result += '\\';
        result += c;
    }
    return result;
}

}  // namespace

std::string bash_completion() {
    std::string words;
    std::string files = "--token-file";
    std::string others;
    for (const WordSpec& command : command_words()) {
        words += fmt::format("{} ", command.name);
        if (takes_file(command)) files += fmt::format(" | {}", command.name);
    }
    for (const WordSpec& option : option_words()) {
        words += fmt::format("{} ", option.name);
        if (!option.argument.empty() && !takes_file(option))
            others += fmt::format("{}{}", others.empty() ? "" : " | ", option.name);
    }
    return fmt::format(
        "    if [[ $COMP_CWORD -gt 1 && ${{COMP_WORDS[1]}} == ctl ]]; then\n"
        "        case ${{COMP_WORDS[COMP_CWORD - 1]}} in\n"
        "        {}) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
        "        {}) COMPREPLY=() ;;\n"
        "        *) COMPREPLY=($(compgen -W '{}--help' -- \"$word\")) ;;\n"
        "        esac\n"
        "        return\n"
        "    fi\n",
        files, others, words);
}

std::string zsh_completion() {
    std::string rows;
    for (const WordSpec& option : option_words()) {
        const std::string argument =
            option.argument.empty()
                ? ""
                : fmt::format(":{}:{}", option.argument, takes_file(option) ? "_files" : " ");
        rows +=
            fmt::format("        '*{}[{}]{}' \\\n", option.name, zsh_text(option.help), argument);
    }
    std::string commands;
    for (const WordSpec& command : command_words())
        commands += fmt::format(" {}\\:\"{}\"", command.name, zsh_text(command.help));
    return fmt::format(
        "if (( CURRENT > 2 )) && [[ $words[2] == ctl ]]; then\n"
        "    _arguments \\\n{}"
        "        '1: :(ctl)' '2:command:(({}))' '*:file:_files'\n"
        "    return\n"
        "fi\n",
        rows, commands.substr(1));
}

std::string fish_completion() {
    static constexpr std::string_view kHere = "'__fish_seen_subcommand_from ctl'";
    std::string rows =
        "complete -c neosocksd -n '__fish_is_first_token' -a ctl -d 'Look into a running one'\n";
    for (const WordSpec& command : command_words()) {
        rows += fmt::format("complete -c neosocksd -n {} -a {} -d '{}'\n", kHere, command.name,
                            command.help);
        if (takes_file(command))
            rows += fmt::format("complete -c neosocksd -n '__fish_seen_subcommand_from {}' -F\n",
                                command.name);
    }
    for (const WordSpec& option : option_words()) {
        rows += fmt::format("complete -c neosocksd -n {} -l {} -d '{}'", kHere,
                            option.name.substr(2), option.help);
        if (!option.argument.empty()) rows += takes_file(option) ? " -r -F" : " -x";
        rows += '\n';
    }
    return rows;
}

}  // namespace neosocksd::ctl
