// Tested by tests/e2e/test_api_sessions.py and test_many_sessions.py.

#include "api/sessions_endpoint.h"

#include "api/sessions_query.h"
#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"

namespace neosocksd::api {
namespace {

HttpResponse json_response(std::string text) {
    return {.status = 200, .content_type = kJson, .no_store = true, .body = std::move(text) + "\n"};
}

void member_or_null(JsonWriter& json, std::string_view name, std::string_view value) {
    if (value.empty())
        json.null(name);
    else
        json.member(name, value);
}

}  // namespace

void write_session(JsonWriter& json, const proxy::SessionRow& row, const SessionRates& rates) {
    json.member("id", row.id).member("client", row.client);
    if (!row.announced_by.empty()) json.member("announced_by", row.announced_by);
    member_or_null(json, "user", row.user);
    json.member("listener", row.listener);
    member_or_null(json, "protocol", row.protocol);
    json.member("command", row.command);
    member_or_null(json, "target", row.target);
    member_or_null(json, "route", row.route);
    json.begin_array("chain");
    for (const std::string& hop : row.chain) json.member({}, hop);
    json.end();
    member_or_null(json, "address", row.address);
    json.member("state", proxy::state_name(row.state));
    json.member("worker", row.worker).member("engine", row.engine);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(row.age).count();
    json.member("age", static_cast<double>(ms) / 1000);
    json.member("up_bytes", row.up_bytes).member("down_bytes", row.down_bytes);
    json.member("up_rate", static_cast<std::uint64_t>(rates.up));
    json.member("down_rate", static_cast<std::uint64_t>(rates.down));
    if (row.http_requests > 0) json.member("http_requests", row.http_requests);
}

// Some rows at a time: with one thread the same loop has relays to serve.
io::Task<std::string> SessionsEndpoint::to_json(const proxy::SessionPage& page) {
    const io::TimePoint now = directory_.control().now();
    JsonWriter json;
    json.begin_object().member("matched", page.matched);
    const bool more = page.matched > page.rows.size();
    if (more && !page.rows.empty())
        json.member("next", page.rows.back().id);
    else
        json.null("next");
    json.begin_array("sessions");
    std::size_t written = 0;
    for (const proxy::SessionRow& row : page.rows) {
        json.begin_object();
        write_session(json, row, rates_.rates(row, now));
        json.end();
        if (++written % limits::kSessionRowsTurn != 0) continue;
        const auto slept = co_await io::sleep(directory_.control(), io::Duration::zero());
        if (!slept) co_return std::string();
    }
    json.end().end();
    co_return json.text();
}

SessionsEndpoint::Answer SessionsEndpoint::many(const HttpRequest& request) {
    auto answering = request.method == "DELETE" ? kill(request) : list(request);
    co_return co_await std::move(answering);
}

SessionsEndpoint::Answer SessionsEndpoint::list(const HttpRequest& request) {
    const auto text = Query::parse(request.target.query);
    if (!text) co_return page_response(400);
    auto query = parse_session_query(*text);
    if (!query) co_return text_response(400, std::move(query.error()));
    io::Scope& scope = co_await io::current_scope();
    auto listing = directory_.list(std::move(*query));
    const proxy::SessionPage page = co_await std::move(listing);
    auto writing = to_json(page);
    std::string json = co_await std::move(writing);
    if (scope.cancelled()) co_return std::nullopt;
    co_return json_response(std::move(json));
}

SessionsEndpoint::Answer SessionsEndpoint::kill(const HttpRequest& request) {
    const auto text = Query::parse(request.target.query);
    if (!text) co_return page_response(400);
    if (text->values().empty())
        co_return text_response(400, "sessions: which? (all of them: min_age=0)\n");
    auto filter = parse_session_filter(*text);
    if (!filter) co_return text_response(400, std::move(filter.error()));
    io::Scope& scope = co_await io::current_scope();
    auto killing = directory_.kill(std::move(*filter));
    const std::size_t killed = co_await std::move(killing);
    if (scope.cancelled()) co_return std::nullopt;
    LOG_NOTICE("api: {} sessions killed: {}", killed, request.target.query);
    JsonWriter json;
    json.begin_object().member("killed", killed).end();
    co_return json_response(json.text());
}

SessionsEndpoint::Answer SessionsEndpoint::one(const HttpRequest& request) {
    const auto id = parse_session_id(request.target.path.back());
    if (!id) co_return page_response(404);
    proxy::SessionQuery query;
    query.filter.id = *id;
    query.limit = 1;
    io::Scope& scope = co_await io::current_scope();
    if (request.method == "DELETE") {
        auto killing = directory_.kill(query.filter);
        const std::size_t killed = co_await std::move(killing);
        if (scope.cancelled()) co_return std::nullopt;
        if (killed == 0) co_return page_response(404);
        co_return HttpResponse{.status = 204};
    }
    auto listing = directory_.list(std::move(query));
    const proxy::SessionPage page = co_await std::move(listing);
    if (scope.cancelled()) co_return std::nullopt;
    if (page.rows.empty()) co_return page_response(404);
    JsonWriter json;
    json.begin_object();
    write_session(json, page.rows[0], rates_.rates(page.rows[0], directory_.control().now()));
    json.end();
    co_return json_response(json.text());
}

}  // namespace neosocksd::api
