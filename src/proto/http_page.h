// Error pages of the HTTP listener and of the API: small HTML pages, never cached, after which the
// connection is closed.

#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace neosocksd::proto {

// The whole response. `allow` is the value of the Allow field that a 405 must have. A 407 asks for
// Basic credentials and has no body; a 401 asks for a bearer token (RFC 6750). A status that the
// table does not know becomes a 500.
std::string http_error_page(int status, std::time_t now, std::string_view allow = {});

// "Forbidden"; empty for a status we never send.
std::string_view http_status_name(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(std::time_t time);

}  // namespace neosocksd::proto
