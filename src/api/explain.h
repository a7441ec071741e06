// GET /ruleset/explain: what the rules would do with a request, and why (docs/sessions-api.md).
//
// The callback runs as for a real request, with its waits; what it prints becomes a part of the
// answer. Nothing is connected: await.forward succeeds at once, and the first address that would
// be dialled is resolved and shown to the egress policy. Other calls of a script do what they do.
// Tested by tests/e2e/test_api_explain.py.

#pragma once

#include <expected>
#include <optional>
#include <string>

#include "api/http_request.h"
#include "api/http_response.h"
#include "api/json.h"
#include "io/task.h"
#include "net/egress_policy.h"
#include "net/resolver.h"
#include "ruleset/rules.h"

namespace neosocksd::api {

// addr, user, password, client, listener, protocol, command. The error is a line for whoever asks.
struct ExplainedRequest {
    HostPort target;
    ruleset::Request request;
};
std::expected<ExplainedRequest, std::string> parse_explain_query(const Query& query);

// The tag of a line that the library's rules have logged: `... [TAG] "ADDRESS"'.
std::optional<std::string> tag_of(std::string_view line);

class Explainer {
public:
    // All must outlive this; on the control loop.
    Explainer(ruleset::Rules& rules, net::Resolver& resolver, const net::EgressPolicy& policy)
        : rules_(rules), resolver_(resolver), policy_(policy) {}

    // Nothing: the scope of the caller was cancelled.
    io::Task<std::optional<HttpResponse>> explain(const HttpRequest& request);

private:
    // Where the first connection would go, and what the policy says to it.
    io::Task<void> write_first_hop(JsonWriter& json, const ruleset::Route& route, bool as_asked);

    ruleset::Rules& rules_;
    net::Resolver& resolver_;
    const net::EgressPolicy& policy_;
};

}  // namespace neosocksd::api
