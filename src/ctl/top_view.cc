// Tested by top_view_test.cc.

#include "ctl/top_view.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/number_format.h"
#include "ctl/reports.h"

namespace neosocksd::ctl {

void TopView::take(JsonValue stats, const std::vector<JsonValue>& pages, Clock::time_point now) {
    failure_.clear();
    before_ = std::exchange(stats_, std::move(stats));
    // A server that was started again counts anew.
    const double up = stats_.at("uptime_seconds").number();
    if (up < before_.at("uptime_seconds").number()) before_ = {};
    if (before_.is_null()) bytes_.clear();
    seconds_ = before_.is_null() ? 0 : up - before_.at("uptime_seconds").number();
    const double elapsed = std::chrono::duration<double>(now - taken_).count();
    taken_ = now;

    rows_.clear();
    lists_sessions_ = !pages.empty();
    matched_ = lists_sessions_ ? pages.front().at("matched").number() : 0;
    std::map<std::string, Bytes> bytes;
    for (const JsonValue& page : pages) {
        for (const JsonValue& session : page.at("sessions").items()) {
            const std::string& id = session.at("id").text();
            const Bytes current{session.at("up_bytes").number(), session.at("down_bytes").number()};
            // Until there are two looks of ours the server's own, which other watchers influence.
            Row row{session, session.at("up_rate").number(), session.at("down_rate").number()};
            if (const auto known = bytes_.find(id); known != bytes_.end() && elapsed > 0) {
                row.up_rate = std::max(0.0, current.up - known->second.up) / elapsed;
                row.down_rate = std::max(0.0, current.down - known->second.down) / elapsed;
            }
            bytes[id] = current;
            rows_.push_back(std::move(row));
        }
    }
    bytes_ = std::move(bytes);
    // Of those that do nothing the youngest is of most interest.
    std::ranges::sort(rows_, std::ranges::greater(), [](const Row& row) {
        return std::pair(row.up_rate + row.down_rate, -row.session.at("age").number());
    });
}

double TopView::rate(std::string_view group, std::string_view name) const {
    if (seconds_ <= 0) return 0;
    const auto value = [&](const JsonValue& stats) {
        return (group.empty() ? stats : stats.at(group)).at(name).number();
    };
    return std::max(0.0, value(stats_) - value(before_)) / seconds_;
}

std::vector<std::string> TopView::summary() const {
    const JsonValue& sessions = stats_.at("sessions");
    const JsonValue& traffic = stats_.at("traffic");
    const double requests = rate("requests", "total");
    const double done = rate("requests", "succeeded");
    std::vector<std::string> lines{
        fmt::format("neosocksd {}  {}  up {}", stats_.at("version").text(), address_,
                    seconds_text(stats_.at("uptime_seconds").number())),
        fmt::format("Sessions  {} (+{}), peak {}; accepts {:.1f}/s, refused {:.1f}/s",
                    sessions.at("established").text(), sessions.at("half_open").text(),
                    sessions.at("peak").text(), rate("connections", "accepted"),
                    rate("connections", "refused")),
        fmt::format("Requests  {:.1f}/s, failed {:.1f}/s; API {:.1f}/s; CPU {:.1f}%", requests,
                    std::max(0.0, requests - done), rate("api", "requests"),
                    rate("", "cpu_seconds") * 100),
        fmt::format("Traffic   up {}/s, down {}/s; in all {}, {}",
                    api::format_bytes(rate("traffic", "up_bytes")),
                    api::format_bytes(rate("traffic", "down_bytes")),
                    bytes_text(traffic.at("up_bytes")), bytes_text(traffic.at("down_bytes")))};
    if (const auto& ruleset = stats_.at("ruleset"); !ruleset.is_null())
        lines.push_back(fmt::format(
            "Ruleset   {}, {} objects, {} threads", bytes_text(ruleset.at("allocated_bytes")),
            api::format_count(ruleset.at("objects").number()), ruleset.at("threads").text()));
    for (std::string& line : lines) line = printable(line);
    return lines;
}

Table TopView::table(std::size_t rows) const {
    Table table({{"ID", true},
                 {"CLIENT"},
                 {"USER"},
                 {"PROTOCOL"},
                 {"STATE"},
                 {"AGE", true},
                 {"UP", true},
                 {"DOWN", true},
                 {"UP/S", true},
                 {"DOWN/S", true},
                 {"TARGET"}});
    for (std::size_t i = 0; i < std::min(rows, rows_.size()); i++) {
        const Row& row = rows_[i];
        const JsonValue& session = row.session;
        table.add({session.at("id").text(), session.at("client").text(), session.at("user").text(),
                   session.at("protocol").text(), session.at("state").text(),
                   seconds_text(session.at("age").number()), bytes_text(session.at("up_bytes")),
                   bytes_text(session.at("down_bytes")), rate_text(row.up_rate),
                   rate_text(row.down_rate), session.at("target").text()});
    }
    return table;
}

std::vector<std::string> TopView::screen(const Style& style, std::size_t columns,
                                         std::size_t rows) const {
    std::vector<std::string> lines;
    const auto add = [&](std::string text) {
        if (lines.size() + 1 < rows) lines.push_back(std::move(text));
    };
    auto head = summary();
    head.front() = cut_to(head.front(), columns);
    head.front().resize(head.front().size() + columns - columns_of(head.front()), ' ');
    for (std::size_t i = 0; i < head.size(); i++)
        add(i == 0 ? style.inverse(head[i]) : cut_to(head[i], columns));
    add({});
    const std::size_t room = rows > lines.size() + 2 ? rows - lines.size() - 2 : 0;
    if (lists_sessions_ && room > 0)
        for (std::string& line : table(room).lines(style, columns)) add(std::move(line));
    while (lines.size() + 1 < rows) lines.emplace_back();

    std::string last = "q quits";
    if (!lists_sessions_)
        last += "; this server does not list its sessions";
    else if (matched_ > static_cast<double>(std::min(room, rows_.size())))
        last += fmt::format("; {} of {:.0f} sessions", std::min(room, rows_.size()), matched_);
    if (!failure_.empty())
        lines.push_back(style.red(cut_to(printable(failure_), columns)));
    else
        lines.push_back(cut_to(last, columns));
    return lines;
}

std::vector<std::string> TopView::page() const {
    auto lines = summary();
    if (lists_sessions_) {
        lines.emplace_back();
        for (std::string& line : table(rows_.size()).lines(Style(false)))
            lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace neosocksd::ctl
