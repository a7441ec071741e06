// Tested by reports_test.cc.

#include "ctl/reports.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "api/number_format.h"

namespace neosocksd::ctl {
namespace {

// "a, b" of an array of texts.
std::string joined(const JsonValue& texts, std::string_view between) {
    std::string result;
    for (const JsonValue& text : texts.items())
        result += (result.empty() ? "" : std::string(between)) + text.text();
    return result;
}

// Names of clients and what scripts log come from anywhere.
void add_line(std::string& report, std::string_view label, std::string_view value) {
    if (!value.empty()) report += fmt::format("{:<20}: {}\n", label, printable(value));
}

std::string status_line(const Answer& answer) {
    return answer.reason.empty() ? fmt::format("status {}", answer.status)
                                 : fmt::format("{} {}", answer.status, answer.reason);
}

}  // namespace

std::string failure_text(const Answer& answer, std::string_view path, bool with_token) {
    if (answer.status == 401)
        return with_token ? "the server does not know this token (401)"
                          : "the server wants a token: --token-file FILE (401)";
    if (answer.status == 403 && with_token)
        return "the token may look, but this needs one of the `admin' kind (403)";
    // The server's own words, unless they are the page of a web server.
    if (answer.content_type.starts_with("text/plain") && !answer.body.empty()) {
        std::string text = answer.body;
        while (text.ends_with('\n')) text.pop_back();
        return text;
    }
    if (answer.status == 404)
        return fmt::format("the server has no {}: is it an older version? (404)", path);
    return fmt::format("the server refuses {}: {}", path, status_line(answer));
}

std::string bytes_text(const JsonValue& bytes) {
    return api::format_bytes(bytes.number());
}

std::string seconds_text(double seconds) {
    // What a server says may be any number; beyond three centuries none fits into nanoseconds.
    constexpr double kMost = 9e9;
    return api::format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(std::clamp(seconds, -kMost, kMost))));
}

std::string rate_text(double bytes_per_second) {
    return bytes_per_second == 0 ? "" : api::format_bytes(bytes_per_second) + "/s";
}

std::string explain_report(const JsonValue& answer) {
    std::string report;
    add_line(report, "Request",
             fmt::format("{} of {}", answer.at("callback").text(), answer.at("addr").text()));
    add_line(report, "Verdict", answer.at("verdict").text());
    add_line(report, "Reason", answer.at("reason").text());
    add_line(report, "Rules", joined(answer.at("tags"), ", "));
    if (const auto& target = answer.at("target"); !target.is_null())
        add_line(report, "Target",
                 target.text() + (answer.at("as_asked").is_true() ? "" : " (rewritten)"));
    add_line(report, "Chain", joined(answer.at("chain"), " -> "));
    const JsonValue& hop = answer.at("first_hop");
    add_line(report, "First Hop", hop.at("host").text());
    for (const JsonValue& address : hop.at("addresses").items())
        add_line(report, "Address",
                 fmt::format("{} ({})", address.at("address").text(), address.at("policy").text()));
    add_line(report, "Error", hop.at("error").text());
    for (const JsonValue& forward : answer.at("forwards").items()) {
        const std::string chain = joined(forward.at("chain"), " -> ");
        add_line(report, "Forward",
                 forward.at("target").text() + (chain.empty() ? "" : " through " + chain));
    }
    for (const JsonValue& line : answer.at("log").items()) add_line(report, "Log", line.text());
    if (const auto& lost = answer.at("log_lost"); !lost.is_null())
        add_line(report, "Log", fmt::format("and {} lines more", lost.text()));
    add_line(report, "Time Cost", seconds_text(answer.at("seconds").number()));
    return report;
}

Table session_table() {
    return Table({{"ID", true},
                  {"CLIENT"},
                  {"USER"},
                  {"PROTOCOL"},
                  {"STATE"},
                  {"AGE", true},
                  {"UP", true},
                  {"DOWN", true},
                  {"UP/S", true},
                  {"DOWN/S", true},
                  {"TARGET"},
                  {"ROUTE"},
                  {"VIA"}});
}

void add_session(Table& table, const JsonValue& session) {
    table.add({session.at("id").text(), session.at("client").text(), session.at("user").text(),
               session.at("protocol").text(), session.at("state").text(),
               seconds_text(session.at("age").number()), bytes_text(session.at("up_bytes")),
               bytes_text(session.at("down_bytes")), rate_text(session.at("up_rate").number()),
               rate_text(session.at("down_rate").number()), session.at("target").text(),
               session.at("route").text(), joined(session.at("chain"), " -> ")});
}

}  // namespace neosocksd::ctl
