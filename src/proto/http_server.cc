// The request side of the HTTP listener. Tested by http_server_test.cc.

#include "proto/http_server.h"

#include "proto/basic_auth.h"
#include "proto/http_forward.h"
#include "proto/http_page.h"

namespace neosocksd::proto {

Step HttpServer::step(std::string_view input, Exchange& exchange) {
    const auto refuse = [&](int status, std::string why) {
        return exchange.refuse(std::move(why), http_error_page(status, exchange.options.clock()));
    };
    switch (reader_.read(input)) {
    case HeadReader::Status::need_bytes: return {};
    case HeadReader::Status::malformed: return refuse(400, "malformed HTTP request");
    case HeadReader::Status::too_large: return refuse(413, "HTTP request head too large");
    case HeadReader::Status::complete: break;
    }
    const auto head = parse_request_head(input.substr(0, reader_.size()));
    if (!head) return refuse(400, "malformed HTTP request");
    Request& request = exchange.request;
    if (const auto field = head->fields.find("Proxy-Authorization")) {
        // What is no usable pair counts as absent: a tunnel may not need credentials at all.
        if (auto credentials = decode_basic(*field)) {
            request.username = std::move(credentials->username);
            request.password = std::move(credentials->password);
        }
    }
    if (exchange.options.auth_required && !request.username)
        return refuse(407, "HTTP proxy authentication required");

    if (head->method != "CONNECT") {
        auto target = parse_absolute_form(head->method, head->target);
        if (!target) return refuse(target.error().status, std::move(target.error().why));
        auto rebuilt = rebuild_request(*head, *target);
        if (!rebuilt) return refuse(rebuilt.error().status, std::move(rebuilt.error().why));
        request.command = Command::http_forward;
        request.target = std::move(target->target);
        request.text = std::move(target->text);
        request.named = true;
        request.http = std::move(*rebuilt);
        return {Next::request, reader_.size()};
    }

    if (has_unsafe_bytes(head->target))
        return refuse(400, "HTTP target with blanks or control bytes");
    std::string reason;
    if (auto target = HostPort::parse(head->target, &reason)) {
        request.target = std::move(*target);
    } else if (exchange.options.raw_target) {
        request.target_valid = false;
    } else {
        return refuse(400, std::move(reason));
    }
    request.text = head->target;
    request.named = true;
    return {Next::request, reader_.size()};
}

std::string http_connect_established() {
    return "HTTP/1.1 200 Connection established\r\n\r\n";
}

}  // namespace neosocksd::proto
