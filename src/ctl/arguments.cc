// Tested by arguments_test.cc.

#include "ctl/arguments.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/number.h"

namespace neosocksd::ctl {
namespace {

struct CommandRow {
    Command command;
    std::string_view name;
    std::string_view operands;  // as in the usage
    std::size_t min;
    std::size_t max;  // operands that it takes
    std::string_view help;
    bool json = false;  // has an answer in JSON
};

constexpr std::size_t kMany = SIZE_MAX;
constexpr CommandRow kCommands[] = {
    {Command::stats, "stats", "[-q TEXT]", 0, 0,
     "counters; -q: and rates, and what the ruleset says to TEXT", true},
    {Command::metrics, "metrics", "", 0, 0, "all counters, as Prometheus reads them"},
    {Command::healthy, "healthy", "", 0, 0, "whether it serves, as exit status"},
    {Command::sessions, "sessions", "[FILTER=VALUE]... [--limit N]", 0, kMany,
     "open sessions, all or those that match", true},
    {Command::kill, "kill", "ID... | FILTER=VALUE...", 1, kMany, "end these sessions"},
    {Command::top, "top", "[--interval S] [--count N]", 0, 0, "sessions and rates, live"},
    {Command::explain, "explain", "HOST:PORT [--user NAME] [--from ADDRESS]", 1, 1,
     "what the ruleset would decide", true},
    {Command::reload, "reload", "FILE|-", 0, 1, "make FILE the ruleset"},
    {Command::update, "update", "[--module NAME] [--chunkname NAME] FILE|-", 1, 1,
     "the same, or load a module"},
    {Command::invoke, "invoke", "FILE|-|-e CODE", 0, 1, "run Lua code"},
    {Command::rpcall, "rpcall", "FILE|-|-e CODE", 0, 1,
     "run Lua code that may wait, print results"},
    {Command::gc, "gc", "", 0, 0, "collect the garbage of the ruleset"},
};

const CommandRow& row_of(Command command) {
    return *std::ranges::find(kCommands, command, &CommandRow::command);
}

template <typename T>
bool read_number(std::string_view text, T low, T high, T& number) {
    const auto value = parse_whole<T>(text);
    if (!value || !(*value >= low && *value <= high)) return false;
    number = *value;
    return true;
}

struct OptionRow {
    std::string_view short_name;
    std::string_view long_name;
    std::string_view argument;      // empty: none
    std::string_view help;          // empty: the line of its command shows it
    std::vector<Command> commands;  // empty: all
    bool (*apply)(Invocation& invocation, std::string_view value);
};

template <auto field>
bool store(Invocation& invocation, std::string_view value) {
    invocation.*field = std::string(value);
    return true;
}

const std::vector<OptionRow>& options() {
    static const std::vector<OptionRow> kOptions = {
        {"",
         "--api",
         "ADDRESS",
         "HOST:PORT or unix:/PATH (default $NEOSOCKSD_API or 127.0.0.1:9080)",
         {},
         store<&Invocation::api>},
        {"",
         "--token-file",
         "FILE",
         "with a token for it (default $NEOSOCKSD_API_TOKEN_FILE)",
         {},
         store<&Invocation::token_file>},
        {"",
         "--timeout",
         "SECONDS",
         "for an answer (default 60)",
         {},
         [](Invocation& invocation, std::string_view value) {
             return read_number(value, 0.001, 86400.0, invocation.timeout_seconds);
         }},
        {"",
         "--json",
         "",
         "of stats, sessions, explain: the answer as it came",
         {},
         [](Invocation& invocation, std::string_view) { return invocation.json = true; }},
        {"-q", "--query", "TEXT", "", {Command::stats}, store<&Invocation::query>},
        {"-e",
         "--execute",
         "CODE",
         "",
         {Command::invoke, Command::rpcall},
         store<&Invocation::code>},
        {"", "--module", "NAME", "", {Command::update}, store<&Invocation::module>},
        {"", "--chunkname", "NAME", "", {Command::update}, store<&Invocation::chunkname>},
        {"", "--user", "NAME", "", {Command::explain}, store<&Invocation::user>},
        {"", "--from", "ADDRESS", "", {Command::explain}, store<&Invocation::from>},
        {"",
         "--limit",
         "N",
         "",
         {Command::sessions},
         [](Invocation& invocation, std::string_view value) {
             return read_number(value, std::int64_t{1}, INT64_MAX, invocation.limit);
         }},
        {"",
         "--interval",
         "S",
         "",
         {Command::top},
         [](Invocation& invocation, std::string_view value) {
             return read_number(value, 0.1, 86400.0, invocation.interval_seconds);
         }},
        {"",
         "--count",
         "N",
         "",
         {Command::top},
         [](Invocation& invocation, std::string_view value) {
             return read_number(value, std::int64_t{1}, INT64_MAX, invocation.count);
         }},
    };
    return kOptions;
}

const OptionRow* find_option(std::string_view name) {
    for (const OptionRow& row : options())
        if (name == row.long_name || (!row.short_name.empty() && name == row.short_name))
            return &row;
    return nullptr;
}

Complaint complain(std::string text) {
    return {std::move(text)};
}

std::optional<Complaint> check_operands(const Invocation& invocation) {
    const CommandRow& row = row_of(invocation.command);
    const auto& operands = invocation.operands;
    if (operands.size() < row.min || operands.size() > row.max)
        return complain(row.max == 0
                            ? fmt::format("`{}' takes no `{}'", row.name, operands.front())
                            : fmt::format("usage: neosocksd ctl {} {}", row.name, row.operands));
    if (invocation.json && !row.json)
        return complain(fmt::format("--json: the answer to `{}' has no JSON", row.name));
    const auto filters = static_cast<std::size_t>(std::ranges::count_if(operands, is_filter));
    switch (invocation.command) {
    case Command::sessions:
        if (filters != operands.size())
            return complain("a filter looks like `user=NAME' or `client=ADDRESS'");
        break;
    case Command::kill:
        if (filters != 0 && filters != operands.size())
            return complain("either sessions by their ID or filters, not both");
        for (const std::string& id : operands)
            if (filters == 0 && (id.empty() || id.find_first_not_of("0123456789") != id.npos))
                return complain(
                    fmt::format("`{}' is neither the ID of a session nor a filter", id));
        break;
    case Command::reload:
        if (operands.empty())
            return complain(
                "the server reads its own ruleset file anew when it gets SIGHUP (kill -HUP PID, or "
                "systemctl reload neosocksd); `reload FILE' sends one from here");
        break;
    case Command::invoke:
    case Command::rpcall:
        if (operands.size() + (invocation.code ? 1 : 0) != 1)
            return complain(fmt::format("usage: neosocksd ctl {} {}", row.name, row.operands));
        break;
    default: break;
    }
    return std::nullopt;
}

}  // namespace

bool is_filter(std::string_view operand) {
    const auto place = operand.find('=');
    return place != operand.npos && place > 0;
}

Parsed parse_arguments(std::span<const char* const> arguments,
                       const char* (*environment)(const char* name)) {
    const auto variable = [&](const char* name) {
        const char* value = environment(name);
        return std::string(value ? value : "");
    };
    Invocation invocation;
    invocation.api = variable("NEOSOCKSD_API");
    invocation.token_file = variable("NEOSOCKSD_API_TOKEN_FILE");
    std::vector<std::string> words;
    std::vector<const OptionRow*> given;
    bool options_end = false;
    for (std::size_t i = 0; i < arguments.size(); i++) {
        const std::string_view word = arguments[i];
        if (options_end || word.size() < 2 || word.front() != '-') {
            words.emplace_back(word);
        } else if (word == "--") {
            options_end = true;
        } else if (word == "-h" || word == "--help") {
            return Help{};
        } else {
            const OptionRow* row = find_option(word);
            if (!row) return complain(fmt::format("unknown option `{}'", word));
            std::string_view value;
            if (!row->argument.empty()) {
                if (i + 1 == arguments.size())
                    return complain(fmt::format("`{}' needs a value: {}", word, row->argument));
                value = arguments[++i];
            }
            if (!row->apply(invocation, value))
                return complain(fmt::format("bad value of `{}': `{}'", word, value));
            given.push_back(row);
        }
    }
    if (words.empty()) return complain("a command is missing");
    const auto* row = std::ranges::find(kCommands, words.front(), &CommandRow::name);
    if (row == std::end(kCommands))
        return complain(fmt::format("unknown command `{}'", words.front()));
    invocation.command = row->command;
    invocation.operands.assign(words.begin() + 1, words.end());
    for (const OptionRow* option : given) {
        const auto& commands = option->commands;
        if (!commands.empty() && std::ranges::find(commands, row->command) == commands.end())
            return complain(fmt::format("`{}' has no option `{}'", row->name, option->long_name));
    }
    if (invocation.api.empty()) invocation.api = kDefaultApi;
    if (auto wrong = check_operands(invocation)) return *wrong;
    return invocation;
}

std::string usage() {
    std::string text =
        "usage: neosocksd ctl [OPTION]... COMMAND [ARGUMENT]...\n"
        "Looks into a running neosocksd, and controls it, through its API (--api).\n\n";
    for (const CommandRow& row : kCommands) {
        const std::string words = fmt::format("  {} {}", row.name, row.operands);
        // What does not fit beside its sentence stands above it.
        text += words.size() > 32 ? fmt::format("{}\n{:34}{}\n", words, "", row.help)
                                  : fmt::format("{:<34}{}\n", words, row.help);
    }
    text += '\n';
    for (const OptionRow& row : options())
        if (!row.help.empty())
            text += fmt::format("  {:<21}{}\n", fmt::format("{} {}", row.long_name, row.argument),
                                row.help);
    return text +
           "\nexit status: 0 done, 1 the server refused or failed, 2 bad arguments, 3 no answer\n";
}

std::string_view name_of(Command command) {
    return row_of(command).name;
}

std::vector<WordSpec> command_words() {
    std::vector<WordSpec> words;
    for (const CommandRow& row : kCommands) words.push_back({row.name, row.operands, row.help});
    return words;
}

std::vector<WordSpec> option_words() {
    std::vector<WordSpec> words;
    for (const OptionRow& row : options()) words.push_back({row.long_name, row.argument, row.help});
    return words;
}

}  // namespace neosocksd::ctl
