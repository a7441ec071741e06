// Tested by tests/e2e/test_ctl.py.

#include "ctl/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include "api/http_response.h"
#include "api/media_type.h"
#include "base/limits.h"
#include "ctl/lua_text.h"
#include "ctl/reports.h"
#include "ctl/token.h"

namespace neosocksd::ctl {
namespace {

constexpr auto kPageRows = static_cast<std::int64_t>(limits::kSessionPageRowsMax);

class Commands {
public:
    Commands(Client& client, const Invocation& invocation, bool with_token)
        : client_(client), invocation_(invocation), with_token_(with_token) {}

    Report run() {
        switch (invocation_.command) {
        case Command::stats: return stats();
        case Command::metrics: return show({"GET", "/metrics"});
        case Command::healthy: return healthy();
        case Command::sessions: return sessions();
        case Command::kill: return kill();
        case Command::explain: return explain();
        case Command::reload:
        case Command::update: return update();
        case Command::invoke: return run_code("/ruleset/invoke", {});
        case Command::rpcall: return rpcall();
        case Command::gc: return show({"POST", "/ruleset/gc"});
        case Command::top: break;
        }
        return {kBadArguments, {}, "unknown command"};
    }

private:
    static std::string_view path_of(const Request& request) {
        return std::string_view(request.target).substr(0, request.target.find('?'));
    }

    Report refused(const Request& request, const Answer& answer) const {
        return {kRefused, {}, failure_text(answer, path_of(request), with_token_)};
    }

    // The body, or the failure to report.
    std::expected<std::string, Report> body_of(const Request& request) {
        auto answer = client_.ask(request);
        if (!answer) return std::unexpected(Report{kNoAnswer, {}, answer.error().text});
        if (answer->status < 200 || answer->status > 299)
            return std::unexpected(refused(request, *answer));
        return std::move(answer->body);
    }
    std::expected<JsonValue, Report> json_of(const Request& request,
                                             const std::string& body) const {
        auto value = JsonValue::parse(body);
        if (!value || value->kind() != JsonValue::Kind::object)
            return std::unexpected(Report{
                kNoAnswer, {}, fmt::format("the answer of {} is no JSON", path_of(request))});
        return std::move(*value);
    }

    Report show(const Request& request) {
        auto body = body_of(request);
        if (!body) return body.error();
        return {kDone, std::move(*body), {}};
    }

    Report stats() {
        const auto accept = invocation_.json ? api::kJson : std::string_view();
        if (!invocation_.query) return show({.target = "/stats", .accept = accept});
        return show({.method = "POST",
                     .target = "/stats" + query_of({{"q", *invocation_.query}}),
                     .accept = accept});
    }

    Report healthy() {
        auto report = show({"GET", "/healthy"});
        if (report.status == kDone) report.output = "healthy\n";
        return report;
    }

    // Page by page: the server's memory for one answer is bounded that way, and so is ours.
    Report sessions() {
        std::string filters;
        for (const std::string& filter : invocation_.operands) filters += '&' + encoded(filter);
        Table table = session_table();
        Report report;
        std::string after;
        std::int64_t left = invocation_.limit > 0 ? invocation_.limit : INT64_MAX;
        while (left > 0) {
            const Request request{.target = fmt::format("/sessions?limit={}{}{}",
                                                        std::min(left, kPageRows), after, filters),
                                  .accept = api::kJson};
            const auto body = body_of(request);
            if (!body) return body.error();
            const auto page = json_of(request, *body);
            if (!page) return page.error();
            if (invocation_.json) report.output += *body;
            const auto& rows = page->at("sessions").items();
            for (const JsonValue& session : rows) add_session(table, session);
            left -= static_cast<std::int64_t>(rows.size());
            const JsonValue& next = page->at("next");
            if (next.is_null() || rows.empty()) break;
            after = "&after=" + percent_encoded(next.text());
        }
        if (!invocation_.json) report.output = table.text(Style::of(STDOUT_FILENO));
        return report;
    }

    // "name=value" with both of them encoded.
    static std::string encoded(const std::string& filter) {
        const auto place = filter.find('=');
        return percent_encoded(filter.substr(0, place)) + '=' +
               percent_encoded(filter.substr(place + 1));
    }

    Report kill() {
        if (is_filter(invocation_.operands.front())) return kill_matching();
        Report report;
        std::size_t ended = 0;
        for (const std::string& id : invocation_.operands) {
            const Request request{"DELETE", "/sessions/" + id};
            auto answer = client_.ask(request);
            if (!answer) return {kNoAnswer, std::move(report.output), answer.error().text};
            if (answer->status >= 200 && answer->status < 300) {
                ended++;
                continue;
            }
            report.status = kRefused;
            report.complaint += report.complaint.empty() ? "" : "\n";
            report.complaint += answer->status == 404
                                    ? fmt::format("no session has the ID {}", id)
                                    : failure_text(*answer, "/sessions/ID", with_token_);
            if (answer->status != 404) return report;
        }
        if (ended > 0) report.output = ended_text(std::to_string(ended));
        return report;
    }

    Report kill_matching() {
        std::string query;
        for (const std::string& filter : invocation_.operands)
            query += (query.empty() ? '?' : '&') + encoded(filter);
        const Request request{
            .method = "DELETE", .target = "/sessions" + query, .accept = api::kJson};
        const auto body = body_of(request);
        if (!body) return body.error();
        const auto answer = json_of(request, *body);
        if (!answer) return answer.error();
        return {kDone, ended_text(printable(answer->at("killed").text())), {}};
    }

    static std::string ended_text(std::string_view count) {
        return fmt::format("{} session{} ended\n", count, count == "1" ? "" : "s");
    }

    Report explain() {
        const Request request{
            .target = "/ruleset/explain" + query_of({{"addr", invocation_.operands.front()},
                                                     {"user", invocation_.user},
                                                     {"client", invocation_.from}}),
            .accept = api::kJson};
        auto body = body_of(request);
        if (!body) return body.error();
        if (invocation_.json) return {kDone, std::move(*body), {}};
        const auto answer = json_of(request, *body);
        if (!answer) return answer.error();
        return {kDone, explain_report(*answer), {}};
    }

    std::expected<std::string, Report> code() const {
        if (invocation_.code) return *invocation_.code;
        auto text = read_text(invocation_.operands.front(), limits::kCtlCodeBytes);
        if (!text) return std::unexpected(Report{kBadArguments, {}, text.error()});
        return std::move(*text);
    }

    Report update() {
        // Messages then name the file, as they do when the server reads it.
        std::string chunkname = invocation_.chunkname;
        const std::string& file = invocation_.operands.front();
        if (chunkname.empty() && file != "-") chunkname = "@" + file;
        return run_code("/ruleset/update" +
                            query_of({{"module", invocation_.module}, {"chunkname", chunkname}}),
                        {});
    }

    Report run_code(const std::string& target, std::string_view content_type) {
        auto text = code();
        if (!text) return text.error();
        return show({"POST", target, std::move(*text), content_type});
    }

    Report rpcall() {
        Report report = run_code("/ruleset/rpcall", api::kRpcContentType);
        if (report.status != kDone) return report;
        const auto results = parse_rpc_answer(report.output);
        if (!results) return {kNoAnswer, {}, "the answer is not one of an RPC"};
        std::string text;
        for (const std::string& value : results->values) text += value + '\n';
        if (results->ok) return {kDone, std::move(text), {}};
        if (text.ends_with('\n')) text.pop_back();
        return {kRefused, {}, text.empty() ? "(no message)" : std::move(text)};
    }

    Client& client_;
    const Invocation& invocation_;
    const bool with_token_;
};

}  // namespace

Report run_command(Client& client, const Invocation& invocation, bool with_token) {
    return Commands(client, invocation, with_token).run();
}

}  // namespace neosocksd::ctl
