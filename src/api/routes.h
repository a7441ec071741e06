// Which endpoint a request is for, and what it must be like (spec/rest.md sections 1 and 2).

#pragma once

#include <expected>

#include "api/http_request.h"
#include "api/http_response.h"
#include "api/tokens.h"

namespace neosocksd::api {

enum class Endpoint : unsigned char {
    healthy,
    stats,
    metrics,
    sessions,
    session,
    session_stream,
    invoke,
    update,
    gc,
    rpcall,
    explain,
};

// The endpoint, or the answer to a request for none, in the order of checks of 1.4.2: first part of
// the path, a ruleset where one is needed, second part, more path (404), method (405), length
// (411).
std::expected<Endpoint, HttpResponse> route(const HttpRequest& request, bool has_ruleset);

// Whom a request needs to come from; nothing if from anybody. Known before the endpoint is, so that
// nobody without a token learns what exists.
std::optional<Role> needed_role(const HttpRequest& request);

}  // namespace neosocksd::api
