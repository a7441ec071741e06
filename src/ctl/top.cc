// Tested by tests/e2e/test_ctl_top.py.

#include "ctl/top.h"

#include <csignal>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "api/http_response.h"
#include "base/limits.h"
#include "ctl/reports.h"
#include "ctl/terminal.h"
#include "ctl/top_view.h"

namespace neosocksd::ctl {
namespace {

using Clock = TopView::Clock;

class Top {
public:
    Top(Client& client, const Invocation& invocation, bool with_token)
        : client_(client),
          view_(client.address()),
          interval_(std::chrono::duration_cast<Clock::duration>(
              std::chrono::duration<double>(invocation.interval_seconds))),
          count_(invocation.count),
          with_token_(with_token) {}

    Report into_pipe() {
        Report report;
        for (std::int64_t looks = 1;; looks++) {
            const auto begun = Clock::now();
            if (!look({})) return std::move(failure_);
            std::string text = looks > 1 ? "\n" : "";
            for (const std::string& line : view_.page()) text += line + '\n';
            if (!write_all(STDOUT_FILENO, text) || looks == count_) return report;
            const auto rest = begun + interval_ - Clock::now();
            if (rest > Clock::duration::zero()) pause(rest);
        }
    }

    Report on_terminal() {
        // A first failure belongs on the user's own screen.
        if (!look({})) return std::move(failure_);
        int signal = 0;
        {
            Terminal terminal;
            run(terminal);
            signal = terminal.ending_signal();
        }
        // Whoever waits for us is to see what ended us.
        if (signal != 0) ::raise(signal);
        return {};
    }

private:
    // As sleep(3), but in fractions of a second. A signal ends the process.
    static void pause(Clock::duration time) {
        const auto nanoseconds = std::chrono::nanoseconds(time).count();
        timespec left{static_cast<time_t>(nanoseconds / 1'000'000'000),
                      static_cast<long>(nanoseconds % 1'000'000'000)};
        ::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, nullptr);
    }

    void run(Terminal& terminal) {
        auto due = Clock::now() + interval_;
        std::int64_t looks = 1;
        while (draw(terminal) && looks != count_) {
            const auto event = terminal.wait(due);
            if (event == Terminal::Event::quit) return;
            if (event == Terminal::Event::redraw) continue;
            if (look(terminal.descriptors())) {
                looks++;
            } else if (failure_.complaint.empty()) {
                continue;  // cut short: hear what it is, then look again at once
            } else {
                view_.set_failure(std::move(failure_.complaint));
            }
            due = std::max(due + interval_, Clock::now());
        }
    }

    bool draw(Terminal& terminal) {
        const auto size = terminal.size();
        return terminal.show(view_.screen(Style::of(STDOUT_FILENO), size.columns, size.rows));
    }

    // False: failure_ says why.
    bool look(std::span<const int> cut_short) {
        auto stats = ask({.target = "/stats", .accept = api::kJson}, cut_short);
        if (!stats) return false;
        std::vector<JsonValue> pages;
        std::size_t rows = 0;
        std::string after = "0";
        while (lists_sessions_ && !after.empty() && rows < limits::kCtlTopSessions) {
            const std::string target =
                fmt::format("/sessions?limit={}&after={}", limits::kSessionPageRowsMax, after);
            auto page = ask({.target = target, .accept = api::kJson}, cut_short);
            if (page) {
                rows += page->at("sessions").items().size();
                after = page->at("next").text();
                pages.push_back(std::move(*page));
            } else if (failure_.status == kRefused && pages.empty()) {
                lists_sessions_ = false;  // it is older than this view
            } else {
                return false;
            }
        }
        view_.take(std::move(*stats), pages, Clock::now());
        return true;
    }

    std::optional<JsonValue> ask(const Request& request, std::span<const int> cut_short) {
        auto answer = client_.ask(request, cut_short);
        if (!answer) {
            failure_ = {kNoAnswer, {}, std::move(answer.error().text)};
            return std::nullopt;
        }
        const auto path = std::string_view(request.target).substr(0, request.target.find('?'));
        if (answer->status != 200) {
            failure_ = {kRefused, {}, failure_text(*answer, path, with_token_)};
            return std::nullopt;
        }
        auto value = JsonValue::parse(answer->body);
        if (!value)
            failure_ = {kRefused, {}, fmt::format("{} has no JSON: is it an older version?", path)};
        return value;
    }

    Client& client_;
    TopView view_;
    const Clock::duration interval_;
    const std::int64_t count_;
    const bool with_token_;
    bool lists_sessions_ = true;
    Report failure_;
};

}  // namespace

Report run_top(Client& client, const Invocation& invocation, bool with_token) {
    Top top(client, invocation, with_token);
    return Terminal::is_usable() ? top.on_terminal() : top.into_pipe();
}

}  // namespace neosocksd::ctl
