// The texts of the error pages. Tested by http_page_test.cc.

#include "proto/http_page.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

namespace neosocksd::proto {

namespace {

struct Page {
    int status;
    std::string_view name;
    std::string_view text;
};

constexpr Page kPages[] = {
    {400, "Bad Request", "Your browser sent a request that this server could not understand."},
    {401, "Unauthorized", "This server needs a token to let you access this resource."},
    {403, "Forbidden", "You don't have permission to access this resource."},
    {404, "Not Found", "The requested URL was not found on this server."},
    {405, "Method Not Allowed", "The requested method is not allowed for this URL."},
    {407, "Proxy Authentication Required", ""},
    {408, "Request Timeout", "The request did not arrive in time."},
    {411, "Length Required", "A request of the requested method requires a valid Content-Length."},
    {413, "Content Too Large",
     "The amount of data provided in the request exceeds the capacity limit."},
    {415, "Unsupported Media Type",
     "The server does not support the media type transmitted in the request."},
    {417, "Expectation Failed",
     "The expectation given in the Expect request-header field could not be met by this server."},
    {500, "Internal Server Error", "The server encountered an internal error."},
    {501, "Not Implemented", "The server does not support what the request asks for."},
    {502, "Bad Gateway", "The proxy server received an invalid response from an upstream server."},
    {503, "Service Unavailable", "The server is temporarily unable to handle the request."},
    {504, "Gateway Timeout",
     "The proxy server did not receive a timely response from an upstream server."},
};

const Page* find_page(int status) {
    const auto* page = std::find_if(std::begin(kPages), std::end(kPages),
                                    [&](const Page& p) { return p.status == status; });
    return page == std::end(kPages) ? nullptr : page;
}

}  // namespace

std::string http_error_page(int status, std::time_t now, std::string_view allow) {
    const Page* page = find_page(status);
    if (!page) page = find_page(500);
    std::string response = fmt::format(
        "HTTP/1.1 {} {}\r\n"
        "Date: {}\r\n"
        "Connection: close\r\n",
        page->status, page->name, http_date(now));
    if (page->status == 407) {
        response += "Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n";
        return response;
    }
    if (page->status == 401) response += "WWW-Authenticate: Bearer realm=\"neosocksd\"\r\n";
    if (!allow.empty()) response += fmt::format("Allow: {}\r\n", allow);
    const std::string body = fmt::format(
        "<HTML><HEAD><TITLE>{0} {1}</TITLE></HEAD>\n"
        "<BODY><H1>{0} {1}</H1>\n"
        "{2}\n"
        "</BODY></HTML>\n",
        page->status, page->name, page->text);
    response +=
        fmt::format("Content-type: text/html\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
    return response;
}

std::string_view http_status_name(int status) {
    const Page* page = find_page(status);
    return page ? page->name : std::string_view();
}

// strftime would write the names of the current locale.
std::string http_date(std::time_t time) {
    static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                              "Thu", "Fri", "Sat"};
    static constexpr std::array<std::string_view, 12> kMonths = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&time, &utc);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                       kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                       utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace neosocksd::proto
