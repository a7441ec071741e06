// Tested by routes_test.cc.

#include "api/routes.h"

namespace neosocksd::api {
namespace {

struct Row {
    std::string_view first;
    std::string_view second;  // empty: the path ends after the first part; "*": anything
    Endpoint endpoint;
    std::string_view methods;  // as in Allow; empty: any
    bool needs_length = false;
};

constexpr std::string_view kRuleset = "ruleset";
constexpr Row kRows[] = {
    {"healthy", {}, Endpoint::healthy, {}},
    {"stats", {}, Endpoint::stats, "GET, POST"},
    {"metrics", {}, Endpoint::metrics, "GET"},
    {"sessions", {}, Endpoint::sessions, "GET, DELETE"},
    {"sessions", "stream", Endpoint::session_stream, "GET"},
    {"sessions", "*", Endpoint::session, "GET, DELETE"},
    {kRuleset, "explain", Endpoint::explain, "GET"},
    {kRuleset, "invoke", Endpoint::invoke, "POST", true},
    {kRuleset, "update", Endpoint::update, "POST", true},
    {kRuleset, "gc", Endpoint::gc, "POST"},
    {kRuleset, "rpcall", Endpoint::rpcall, "POST", true},
};

// Methods are case-sensitive.
bool allows(std::string_view methods, std::string_view method) {
    if (methods.empty()) return true;
    while (!methods.empty()) {
        const auto end = std::min(methods.find(", "), methods.size());
        if (methods.substr(0, end) == method) return true;
        methods.remove_prefix(std::min(end + 2, methods.size()));
    }
    return false;
}

const Row* find_row(const std::vector<std::string>& path) {
    for (const Row& row : kRows) {
        if (row.first != path[0]) continue;
        if (row.second.empty() ? path.size() == 1
                               : path.size() == 2 && (row.second == "*" || path[1] == row.second))
            return &row;
    }
    return nullptr;
}

}  // namespace

std::expected<Endpoint, HttpResponse> route(const HttpRequest& request, bool has_ruleset) {
    const auto& path = request.target.path;
    if (path[0] == kRuleset && !has_ruleset)
        return std::unexpected(text_response(500, "ruleset is not enabled on the server"));
    const Row* row = find_row(path);
    if (!row) return std::unexpected(page_response(404));
    if (!allows(row->methods, request.method))
        return std::unexpected(page_response(405, row->methods));
    if (row->needs_length && !request.has_length) return std::unexpected(page_response(411));
    return row->endpoint;
}

std::optional<Role> needed_role(const HttpRequest& request) {
    const std::string& first = request.target.path[0];
    if (first == "healthy") return std::nullopt;
    // What changes nothing. POST /stats runs the ruleset's own code with a text of the caller.
    const bool reads = request.method == "GET" || request.method == "HEAD";
    return reads && first != kRuleset ? Role::read : Role::admin;
}

}  // namespace neosocksd::api
