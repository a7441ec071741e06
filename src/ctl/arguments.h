// The command line of `neosocksd ctl`: its commands and options as one table each, and the parser
// that reads them. Pure, like the server's own (app/options.h), with the same rules: exact names, a
// value is always the next argument. Options may stand before or behind the command.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace neosocksd::ctl {

enum class Command : std::uint8_t {
    stats,
    metrics,
    healthy,
    sessions,
    kill,
    top,
    explain,
    reload,
    update,
    invoke,
    rpcall,
    gc
};

inline constexpr std::string_view kDefaultApi = "127.0.0.1:9080";

// Texts are empty where nothing was said.
struct Invocation {
    Command command = Command::stats;
    std::vector<std::string> operands;  // as many as the command takes
    std::string api;                    // never empty
    std::string token_file;
    bool json = false;
    double timeout_seconds = 60;

    std::optional<std::string> query;  // of stats: -q
    std::optional<std::string> code;   // -e
    std::string module;
    std::string chunkname;
    std::string user;
    std::string from;
    std::int64_t limit = 0;  // 0: none
    double interval_seconds = 1;
    std::int64_t count = 0;  // 0: without end
};

// What --help prints.
struct Help {};
// What is wrong with the command line, as a sentence without its end.
struct Complaint {
    std::string text;
};

using Parsed = std::variant<Invocation, Help, Complaint>;

// `arguments` are those behind the word "ctl"; `environment` gives NEOSOCKSD_API and the like, or
// null.
Parsed parse_arguments(std::span<const char* const> arguments,
                       const char* (*environment)(const char* name));

// Fits a screen.
std::string usage();
std::string_view name_of(Command command);
// "user=anna" and the like, in contrast to an operand that is an ID.
bool is_filter(std::string_view operand);

// For shells and the man page: the commands, and the options by their long names.
struct WordSpec {
    std::string_view name;
    std::string_view argument;  // as in the usage: "FILE|-", "ADDRESS"; empty: none
    std::string_view help;      // may be empty
};
std::vector<WordSpec> command_words();
std::vector<WordSpec> option_words();

}  // namespace neosocksd::ctl
