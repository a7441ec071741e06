// /sessions and /sessions/ID: what the proxy serves now, and how to end it (docs/sessions-api.md).
// Tested by tests/e2e/test_api_sessions.py.

#pragma once

#include <optional>

#include "api/http_request.h"
#include "api/http_response.h"
#include "api/json.h"
#include "api/session_rates.h"
#include "io/task.h"
#include "proxy/session_directory.h"

namespace neosocksd::api {

// The members of a session's object.
void write_session(JsonWriter& json, const proxy::SessionRow& row, const SessionRates& rates);

class SessionsEndpoint {
public:
    using Answer = io::Task<std::optional<HttpResponse>>;

    explicit SessionsEndpoint(proxy::SessionDirectory& directory) : directory_(directory) {}

    // GET and DELETE; nothing: the scope of the caller was cancelled. `request` must stay.
    Answer many(const HttpRequest& request);
    Answer one(const HttpRequest& request);

private:
    Answer list(const HttpRequest& request);
    Answer kill(const HttpRequest& request);
    io::Task<std::string> to_json(const proxy::SessionPage& page);

    proxy::SessionDirectory& directory_;
    RateBook rates_;
};

}  // namespace neosocksd::api
