// CONNECT as a client says it, and the reply. Tested by http_client_test.cc.

#include "proto/http_client.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "proto/basic_auth.h"

namespace neosocksd::proto {

namespace {

constexpr std::string_view kVersionStart = "HTTP/1.";

Reply translate(int status) {
    switch (status) {
    case 401:  // tinyproxy says so where 407 is meant
    case 403:
    case 407: return Reply::not_allowed;
    case 502:
    case 503: return Reply::connection_refused;
    case 504: return Reply::ttl_expired;
    default: return Reply::general_failure;
    }
}

}  // namespace

UpstreamStep HttpClient::start(const ProxyUrl& hop, const HostPort& target,
                               UpstreamExchange& exchange) {
    if (!target.ip && has_delimiters(target.name))
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                             "host name does not fit into HTTP");
    exchange.output += fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target.to_string());
    if (hop.username)
        exchange.output += fmt::format("Proxy-Authorization: {}\r\n",
                                       encode_basic(*hop.username, hop.password.value_or("")));
    exchange.output += "\r\n";
    return {};
}

UpstreamStep HttpClient::step(std::string_view input, UpstreamExchange& exchange) {
    const auto nonsense = [&](std::string why) {
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure, std::move(why));
    };
    std::size_t consumed = 0;
    for (;;) {
        const std::string_view rest = input.substr(consumed);
        // Without this, a peer that speaks something else and waits would hold us up.
        if (!rest.starts_with(kVersionStart.substr(0, rest.size())))
            return nonsense("invalid HTTP response");
        switch (reader_.read(rest)) {
        case HeadReader::Status::need_bytes: return {UpstreamNext::need_bytes, consumed};
        case HeadReader::Status::malformed: return nonsense("invalid HTTP response");
        case HeadReader::Status::too_large: return nonsense("HTTP response head too large");
        case HeadReader::Status::complete: break;
        }
        const auto head = parse_status_line(rest.substr(0, reader_.size()));
        if (!head) return nonsense("invalid HTTP response");
        consumed += reader_.size();
        if (head->status / 100 == 2) return {UpstreamNext::established, consumed};
        // RFC 9110 section 15.2: a client must be able to skip these, even unasked for.
        const bool interim = head->status / 100 == 1 && head->status != 101;
        if (!interim || ++interim_responses_ > limits::kInterimResponses)
            return exchange.fail(
                head->status == 407 ? UpstreamFault::authentication : UpstreamFault::refused,
                translate(head->status),
                fmt::format("HTTP request rejected: {} {}", head->status, head->reason));
        reader_ = HeadReader();
    }
}

}  // namespace neosocksd::proto
