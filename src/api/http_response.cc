// Tested by http_response_test.cc.

#include "api/http_response.h"

#include <utility>

#include <fmt/format.h>

#include "proto/http_page.h"

namespace neosocksd::api {

HttpResponse text_response(int status, std::string body) {
    return {.status = status, .content_type = kPlainText, .body = std::move(body)};
}

HttpResponse page_response(int status, std::string_view allow) {
    return {.status = status, .page = true, .allow = allow};
}

std::string to_bytes(HttpResponse response, bool keep_alive, bool head_only, std::time_t now) {
    if (response.page) {
        std::string page = proto::http_error_page(response.status, now, response.allow);
        if (head_only) page.resize(page.find("\r\n\r\n") + 4);
        return page;
    }
    const std::string_view name = response.status == 200 ? "OK"
                                  : response.status == 204
                                      ? "No Content"
                                      : proto::http_status_name(response.status);
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\n"
        "Date: {}\r\n"
        "Connection: {}\r\n",
        response.status, name, proto::http_date(now),
        keep_alive && may_keep_alive(response) ? "keep-alive" : "close");
    if (!response.content_type.empty()) {
        head += fmt::format("Content-Type: {}\r\n", response.content_type);
        // A browser must not find a script or a page in what we say.
        if (response.content_type.starts_with("text/") || response.content_type == kJson)
            head += "X-Content-Type-Options: nosniff\r\n";
    }
    if (response.no_store) head += "Cache-Control: no-store\r\n";
    // An empty body stays empty: 1.4.2 says length 0.
    if (response.coding != Coding::identity && !response.body.empty()) {
        head += fmt::format("Content-Encoding: {}\r\n", coding_name(response.coding));
        response.body = encode_body(std::move(response.body), response.coding);
    }
    // RFC 9110 section 8.6: not with 204.
    if (response.status != 204) head += fmt::format("Content-Length: {}\r\n", response.body.size());
    head += "\r\n";
    if (!head_only) head += response.body;
    return head;
}

}  // namespace neosocksd::api
