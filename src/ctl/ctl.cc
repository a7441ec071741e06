// Tested by tests/e2e/test_ctl.py.

#include "ctl/ctl.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <span>

#include <fmt/format.h>
#include <unistd.h>

#include "base/limits.h"
#include "ctl/commands.h"
#include "ctl/terminal.h"
#include "ctl/text.h"
#include "ctl/token.h"
#include "ctl/top.h"

namespace neosocksd::ctl {
namespace {

const char* environment(const char* name) {
    return std::getenv(name);
}

// To a terminal goes only what cannot move its cursor; elsewhere what the server sent.
void print(int fd, std::string_view text) {
    const std::string safe = ::isatty(fd) ? printable(text, true) : std::string();
    write_all(fd, ::isatty(fd) ? std::string_view(safe) : text);
}

void complain(std::string_view text) {
    print(STDERR_FILENO, fmt::format("neosocksd ctl: {}\n", text));
}

int finish(const Report& report, bool has_escapes) {
    if (has_escapes)
        write_all(STDOUT_FILENO, report.output);
    else
        print(STDOUT_FILENO, report.output);
    if (!report.complaint.empty()) complain(report.complaint);
    return report.status;
}

int run(const Invocation& invocation) {
    std::string token;
    if (!invocation.token_file.empty()) {
        auto text = read_text(invocation.token_file, limits::kTokenFileBytes);
        if (text) {
            text = choose_token(*text);
            if (!text)
                text = std::unexpected(fmt::format("{}: {}", invocation.token_file, text.error()));
        }
        if (!text) {
            complain(text.error());
            return kBadArguments;
        }
        token = std::move(*text);
    }
    const bool with_token = !token.empty();
    const bool is_top = invocation.command == Command::top;
    auto timeout = std::chrono::duration_cast<Client::Clock::duration>(
        std::chrono::duration<double>(invocation.timeout_seconds));
    if (is_top) timeout = std::min<Client::Clock::duration>(timeout, limits::kCtlTopTimeout);
    Client client(invocation.api, std::move(token), timeout);
    if (is_top) {
        const Report report = run_top(client, invocation, with_token);
        return finish(report, true);
    }
    // The table of sessions may have colours, and its cells are printable already.
    const bool has_escapes = invocation.command == Command::sessions && !invocation.json;
    return finish(run_command(client, invocation, with_token), has_escapes);
}

}  // namespace

int run(int argc, const char* const* argv) {
    const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
    const auto parsed =
        parse_arguments(words.subspan(std::min<std::size_t>(2, words.size())), environment);
    if (std::holds_alternative<Help>(parsed)) {
        write_all(STDOUT_FILENO, usage());
        return kDone;
    }
    if (const auto* complaint = std::get_if<Complaint>(&parsed)) {
        complain(fmt::format("{}\nTry `neosocksd ctl --help'.", complaint->text));
        return kBadArguments;
    }
    return run(std::get<Invocation>(parsed));
}

}  // namespace neosocksd::ctl
