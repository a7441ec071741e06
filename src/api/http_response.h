// Answers of the API, as bytes. Fields and their order are those of 1.4.2 (spec/rest.md section 2),
// and every answer says how long it is.

#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "api/content_encoding.h"

namespace neosocksd::api {

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";

struct HttpResponse {
    int status = 200;
    std::string_view content_type = {};  // empty: there is none, and no body
    bool no_store = false;
    Coding coding = Coding::identity;  // to be applied to the body
    std::string body = {};
    // An HTML page in place of all that; `allow` goes with 405.
    bool page = false;
    std::string_view allow = {};
};

HttpResponse text_response(int status, std::string body);
HttpResponse page_response(int status, std::string_view allow = {});

// How it travels: a failure ends the connection, as in 1.4.2.
inline bool may_keep_alive(const HttpResponse& response) {
    return response.status < 400;
}
std::string to_bytes(HttpResponse response, bool keep_alive, bool head_only, std::time_t now);

}  // namespace neosocksd::api
