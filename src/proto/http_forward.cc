// Tested by http_forward_test.cc, http_response_test.cc and fuzz_http_forward.

#include "proto/http_forward.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>

namespace neosocksd::proto {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kDefaultPort = "80";
constexpr std::string_view kVia = "Via: 1.1 neosocksd\r\n";

// Fields that belong to one connection, or that we state anew. Proxy-Authenticate and its kind
// would have the client prove itself to the origin with what is meant for us.
constexpr std::string_view kDropped[] = {
    "Connection",         "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
    "Proxy-Authenticate", "TE",         "Trailer",          "Upgrade",
    "Transfer-Encoding",  "Host",       "Content-Length",   "Proxy-Authentication-Info",
};

std::unexpected<ForwardRefusal> refuse(int status, std::string why) {
    return std::unexpected(ForwardRefusal{status, std::move(why)});
}

std::string_view trim(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

// Whether one of the fields of that name lists `option`.
bool lists(const Fields& fields, std::string_view name, std::string_view option) {
    for (const Field& field : fields) {
        if (!equal_ignoring_case(field.name, name)) continue;
        std::string_view rest = field.value;
        for (;;) {
            const auto comma = rest.find(',');
            if (equal_ignoring_case(trim(rest.substr(0, comma)), option)) return true;
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

bool is_end_to_end(const Fields& fields, std::string_view name) {
    return std::none_of(
               std::begin(kDropped), std::end(kDropped),
               [&](std::string_view dropped) { return equal_ignoring_case(name, dropped); }) &&
           !lists(fields, "Connection", name);
}

// False if there are too many of them.
bool append_end_to_end(const Fields& fields, std::string_view but_not, std::string& head) {
    std::size_t count = 0;
    for (const Field& field : fields) {
        if (!is_end_to_end(fields, field.name) || equal_ignoring_case(field.name, but_not))
            continue;
        if (++count > limits::kHttpFields) return false;
        head.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    return true;
}

void append_framing(const Framing& framing, std::string& head) {
    if (framing.kind == Framing::Kind::length) {
        head += fmt::format("Content-Length: {}\r\n", framing.length);
    } else if (framing.kind == Framing::Kind::chunked) {
        head += "Transfer-Encoding: chunked\r\n";
    }
}

// "HTTP/1.9", which the head parser lets pass, is a 1.1 that we do not know better; words behind
// the version are not for an origin server.
bool is_plain_version(std::string_view version) {
    return version.size() == 8 && version[7] >= '0' && version[7] <= '9';
}

bool valid_host(std::string_view host) {
    if (!host.starts_with('['))
        return !host.empty() && !has_delimiters(host) && !has_unsafe_bytes(host);
    if (!host.ends_with(']')) return false;
    const auto literal = IpAddress::parse(host.substr(1, host.size() - 2));
    return literal && literal->is_v6();
}

std::string upgrade_fields(const Fields& fields) {
    std::string lines = "Connection: upgrade\r\n";
    for (const Field& field : fields) {
        if (equal_ignoring_case(field.name, "Upgrade"))
            lines.append("Upgrade: ").append(field.value).append("\r\n");
    }
    return lines;
}

// RFC 9110 section 7.6.2: each of us counts these down. Zero is for the last recipient.
std::optional<ForwardRefusal> count_down(const RequestHead& head, std::string& lines) {
    if (head.method != "TRACE" && head.method != "OPTIONS") return std::nullopt;
    const auto value = head.fields.find("Max-Forwards");
    if (!value) return std::nullopt;
    const auto left = parse_content_length(*value);
    if (!left || head.fields.count("Max-Forwards") > 1)
        return ForwardRefusal{400, "bad Max-Forwards"};
    if (*left == 0) return ForwardRefusal{403, "Max-Forwards reached"};
    lines = fmt::format("Max-Forwards: {}\r\n", *left - 1);
    return std::nullopt;
}

}  // namespace

std::expected<ForwardTarget, ForwardRefusal> parse_absolute_form(std::string_view method,
                                                                 std::string_view url) {
    if (!equal_ignoring_case(url.substr(0, kScheme.size()), kScheme))
        return refuse(400, "HTTP target is no http:// URL");
    if (has_unsafe_bytes(url) || url.find('#') != std::string_view::npos)
        return refuse(400, "HTTP target with blanks or control bytes or a fragment");
    url.remove_prefix(kScheme.size());
    const auto end = std::min(url.find_first_of("/?"), url.size());
    std::string_view authority = url.substr(0, end);
    const std::string_view path = url.substr(end);

    std::string_view host = authority;
    std::string_view port = kDefaultPort;
    const auto colon = authority.rfind(':');
    if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
        host = authority.substr(0, colon);
        if (colon + 1 < authority.size()) {
            port = authority.substr(colon + 1);
            if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
                return refuse(400, "bad port in HTTP target");
        } else {
            authority = host;
        }
    }
    if (!valid_host(host)) return refuse(400, "bad host in HTTP target");

    ForwardTarget result;
    std::string reason;
    auto target = HostPort::parse(fmt::format("{}:{}", host, port), &reason);
    if (!target) return refuse(400, std::move(reason));
    result.target = std::move(*target);
    result.text = result.target.to_string();
    result.authority = authority;
    if (path.empty()) {
        result.path = method == "OPTIONS" ? "*" : "/";
    } else {
        if (path.front() == '?') result.path = "/";
        result.path += path;
    }
    return result;
}

std::expected<ForwardRequest, ForwardRefusal> rebuild_request(const RequestHead& head,
                                                              const ForwardTarget& target) {
    if (!is_plain_version(head.version)) return refuse(400, "malformed HTTP version");
    // An origin that ignores case would open a tunnel.
    if (equal_ignoring_case(head.method, "CONNECT")) return refuse(400, "malformed HTTP method");
    if (head.fields.count("Host") > 1) return refuse(400, "more than one Host");

    ForwardRequest request;
    request.http_1_0 = head.version.back() == '0';
    request.head_only = head.method == "HEAD";
    const char* why = "";
    const auto framing = framing_of(head.fields, request.http_1_0, true, why);
    if (!framing) return refuse(400, why);
    request.body = *framing;
    // RFC 9112 section 9.3: a proxy keeps no connection alive for HTTP/1.0.
    request.keep_alive = !request.http_1_0 && !lists(head.fields, "Connection", "close") &&
                         !lists(head.fields, "Proxy-Connection", "close");
    request.upgrade = !request.http_1_0 && request.body.kind == Framing::Kind::none &&
                      lists(head.fields, "Connection", "upgrade") &&
                      head.fields.count("Upgrade") > 0;

    std::string max_forwards;
    if (auto refused = count_down(head, max_forwards)) return std::unexpected(*refused);
    request.head = fmt::format("{} {} HTTP/1.{}\r\nHost: {}\r\n", head.method, target.path,
                               request.http_1_0 ? 0 : 1, target.authority);
    if (!append_end_to_end(head.fields, max_forwards.empty() ? "" : "Max-Forwards", request.head))
        return refuse(413, "too many HTTP fields");
    request.head += max_forwards;
    request.head += kVia;
    append_framing(request.body, request.head);
    request.head += request.upgrade ? upgrade_fields(head.fields) : "Connection: close\r\n";
    request.head += "\r\n";
    return request;
}

std::expected<ForwardResponse, std::string> rebuild_response(const ResponseHead& head,
                                                             const ForwardRequest& request,
                                                             bool keep_alive) {
    using Kind = ForwardResponse::Kind;
    ForwardResponse response;
    const int status = head.status;
    if (status == 101 && !request.upgrade) return std::unexpected("101 that nobody asked for");
    response.kind = status == 101 ? Kind::switched : status < 200 ? Kind::interim : Kind::final;
    if (response.kind == Kind::interim && request.http_1_0) return response;

    const char* why = "";
    const auto framing = framing_of(head.fields, head.version == "HTTP/1.0", false, why);
    if (!framing) return std::unexpected(why);
    response.head = fmt::format("HTTP/1.1 {:03} {}\r\n", status, head.reason);
    if (!append_end_to_end(head.fields, "", response.head))
        return std::unexpected("too many HTTP fields");
    response.head += kVia;
    if (response.kind == Kind::switched) response.head += upgrade_fields(head.fields);
    if (response.kind != Kind::final) {
        response.head += "\r\n";
        return response;
    }

    const bool bodiless = request.head_only || status == 204 || status == 304;
    if (bodiless) {
        // What the body would be, had there been one.
        if (status != 204 && framing->kind == Framing::Kind::length)
            append_framing(*framing, response.head);
    } else {
        response.from_target = *framing;
        if (framing->kind == Framing::Kind::none)
            response.from_target.kind = Framing::Kind::until_close;
        response.to_client = response.from_target;
        if (framing->kind != Framing::Kind::length)
            response.to_client.kind =
                request.http_1_0 ? Framing::Kind::until_close : Framing::Kind::chunked;
        append_framing(response.to_client, response.head);
    }
    response.keep_alive = keep_alive && request.keep_alive;
    if (!response.keep_alive) response.head += "Connection: close\r\n";
    response.head += "\r\n";
    return response;
}

}  // namespace neosocksd::proto
