// The man page and docs/options.md. Tested by option_docs_test.cc and tests/docs.

#include "app/option_docs.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "app/help.h"
#include "app/option_completion.h"
#include "app/option_table.h"
#include "ctl/arguments.h"

namespace neosocksd::app {
namespace {

constexpr std::string_view kSummary = "programmable TCP proxy";
constexpr std::string_view kDescription =
    "neosocksd accepts SOCKS4, SOCKS4A, SOCKS5 and HTTP clients, forwards ports, and takes "
    "connections that a gateway's firewall redirects to it. It reaches targets directly or through "
    "a chain of other proxies, and moves bytes as fast as the kernel can.";

struct Signal {
    std::string_view name;
    std::string_view effect;
};
constexpr Signal kSignals[] = {
    {"SIGINT, SIGTERM",
     "close the listeners and all sessions, or let sessions finish for the time of --drain; a "
     "second one ends at once"},
    {"SIGHUP", "is logged and otherwise ignored without a ruleset"},
    {"SIGUSR1", "opens the access log again, for its rotation"},
};

std::string replace_all(std::string_view text, std::string_view what, std::string_view with) {
    std::string result;
    while (!text.empty()) {
        const auto place = text.find(what);
        result += text.substr(0, place);
        if (place == std::string_view::npos) break;
        result += with;
        text.remove_prefix(place + what.size());
    }
    return result;
}

// In roff a backslash escapes, "-" is a hyphen, and a line beginning with "." or "'" a request.
std::string roff(std::string_view text) {
    std::string result = replace_all(replace_all(text, "\\", "\\e"), "-", "\\-");
    if (result.starts_with('.') || result.starts_with('\'')) result.insert(0, "\\&");
    return result;
}

std::string remark(const OptionSpec& spec) {
    std::string text = spec.allowed_values();
    if (!spec.default_text.empty())
        text += fmt::format("{}default {}", text.empty() ? "" : "; ", spec.default_text);
    return text;
}

std::string argument_of(const OptionSpec& spec) {
    if (!spec.takes_argument()) return {};
    return spec.argument_optional ? fmt::format(" [{}]", spec.argument)
                                  : fmt::format(" {}", spec.argument);
}

std::string man_page() {
    std::string page = fmt::format(
        ".TH NEOSOCKSD 1 \"\" \"neosocksd {}\" \"User Commands\"\n.SH NAME\n"
        "neosocksd \\- {}\n.SH SYNOPSIS\n.B neosocksd\n.IR option \" ...\"\n"
        ".SH DESCRIPTION\n{}\n.SH OPTIONS\nOptions are recognised by their exact name; "
        "a value is always the next argument, and of a repeated option the last one "
        "counts.\n",
        roff(version()), kSummary, roff(kDescription));
    std::optional<Topic> topic;
    for (const OptionSpec& spec : option_table()) {
        if (topic != spec.topic) {
            topic = spec.topic;
            page += fmt::format(".SS {}\n", roff(topic_title(*topic)));
        }
        std::string names;
        for (const std::string_view name : spec.names())
            names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(name));
        page += fmt::format(".TP\n{}", names);
        if (spec.takes_argument())
            page += fmt::format(" {}\\fI{}\\fR{}", spec.argument_optional ? "[" : "",
                                roff(spec.argument), spec.argument_optional ? "]" : "");
        page += fmt::format("\n{}", roff(spec.help));
        if (const std::string text = remark(spec); !text.empty())
            page += fmt::format(" ({})", roff(text));
        page += ".\n";
    }
    page += ".SH SIGNALS\n";
    for (const Signal& signal : kSignals)
        page += fmt::format(".TP\n{}\n{}.\n", roff(signal.name), roff(signal.effect));
    page +=
        ".SH CONTROLLING A RUNNING SERVER\n"
        ".B neosocksd ctl\n.RI [ option \" ...] \" command \" [\" argument \" ...]\"\n.PP\n"
        "asks a server that was started with\n.BR \\-\\-api .\n";
    for (const ctl::WordSpec& command : ctl::command_words())
        page += fmt::format(".TP\n\\fB{}\\fR {}\n{}\n", command.name, roff(command.argument),
                            roff(command.help));
    page += ".PP\nIts options:\n";
    for (const ctl::WordSpec& option : ctl::option_words())
        if (!option.help.empty())
            page += fmt::format(".TP\n\\fB{}\\fR \\fI{}\\fR\n{}\n", roff(option.name),
                                roff(option.argument), roff(option.help));
    page +=
        ".SH EXIT STATUS\n0 after a normal end, 1 after bad options or a failure to start.\n"
        "Of\n.BR \"neosocksd ctl\" :\n0 done, 1 the server refused or failed, 2 bad arguments, "
        "3 no answer.\n"
        ".SH EXAMPLES\n.EX\nneosocksd \\-l :1080\n"
        "neosocksd \\-l 127.0.0.1:1080 \\-x socks5://user:secret@192.0.2.1:1080\n.EE\n"
        ".SH SEE ALSO\n.BR curl (1),\n.BR ssh (1),\n.BR nft (8)\n";
    return page;
}

// "|" would end a cell of a table.
std::string cell(std::string_view text) {
    return replace_all(text, "|", "\\|");
}

std::string markdown_page() {
    std::string page =
        "# Options\n\n"
        "This page is made from the program's own table: `neosocksd --help-as markdown`.\n\n"
        "Options are recognised by their exact name. A value is always the next argument, even if "
        "it\nbegins with a dash; of a repeated option the last one counts.\n";
    std::optional<Topic> topic;
    for (const OptionSpec& spec : option_table()) {
        if (topic != spec.topic) {
            topic = spec.topic;
            page += fmt::format("\n## {}\n\n| option | meaning | values |\n|---|---|---|\n",
                                topic_title(*topic));
        }
        std::string names;
        for (const std::string_view name : spec.names())
            names +=
                fmt::format("{}`{}{}`", names.empty() ? "" : ", ", name, cell(argument_of(spec)));
        page += fmt::format("| {} | {} | {} |\n", names, cell(spec.help), cell(remark(spec)));
    }
    page += "\n## Signals\n\n| signal | effect |\n|---|---|\n";
    for (const Signal& signal : kSignals)
        page += fmt::format("| {} | {} |\n", signal.name, cell(signal.effect));
    return page;
}

}  // namespace

std::string option_document(std::string_view format) {
    if (format == "man") return man_page();
    if (format == "markdown") return markdown_page();
    if (format == "bash") return bash_completion();
    if (format == "zsh") return zsh_completion();
    if (format == "fish") return fish_completion();
    return {};
}

}  // namespace neosocksd::app
