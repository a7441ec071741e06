// Takes proxy URLs apart. Tested by proxy_url_test.cc and fuzz_proxy_url.cc.

#include "proto/proxy_url.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/number.h"
#include "proto/http_head.h"

namespace neosocksd::proto {

namespace {

struct SchemeRow {
    std::string_view name;
    ProxyUrl::Scheme scheme;
    std::uint16_t port;
};

constexpr SchemeRow kSchemes[] = {
    {"http", ProxyUrl::Scheme::http, 80},
    {"socks4a", ProxyUrl::Scheme::socks4a, 1080},
    {"socks5", ProxyUrl::Scheme::socks5, 1080},
};

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool percent_decode(std::string_view text, std::string& decoded) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3) return false;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return false;
        decoded += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return true;
}

bool is_userinfo_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && std::string_view("-._~!$&'()*+,;=:%@").find(c) != std::string_view::npos);
}

// Messages end in logs.
std::string hide_password(std::string_view userinfo) {
    const auto colon = userinfo.find(':');
    if (colon == std::string_view::npos) return std::string(userinfo);
    return std::string(userinfo.substr(0, colon)) + ":***";
}

bool parse_userinfo(std::string_view userinfo, ProxyUrl& url) {
    if (!std::all_of(userinfo.begin(), userinfo.end(), is_userinfo_char)) return false;
    if (userinfo.empty()) return true;
    const auto colon = userinfo.find(':');
    if (!percent_decode(userinfo.substr(0, colon), url.username.emplace())) return false;
    if (colon != std::string_view::npos &&
        !percent_decode(userinfo.substr(colon + 1), url.password.emplace()))
        return false;
    return url.username->size() + (url.password ? url.password->size() : 0) <=
           limits::kProxyCredentialBytes;
}

// Splits "host", "host:port", "[v6]", "[v6]:port" and "v6:port". Without a port, `port` has no
// data().
void split_authority(std::string_view authority, std::string_view& host, std::string_view& port) {
    port = {};
    host = authority;
    if (authority.starts_with('[') && authority.ends_with(']')) {
        host = authority.substr(1, authority.size() - 2);
    } else if (authority.find(':') != std::string_view::npos) {
        split_host_port(authority, host, port);
    }
}

bool parse_port(std::string_view text, std::uint16_t& port) {
    const auto number = text.empty() ? std::uint16_t{0} : parse_whole<std::uint16_t>(text);
    port = number.value_or(0);
    return number.has_value();
}

// What is no literal must not look like half of one: "2001:db8::1" without brackets would be the
// host "2001:db8:" with port 1.
bool parse_host(std::string_view text, HostPort& host) {
    std::string name;
    if (!percent_decode(text, name) || name.size() > limits::kHostBytes || has_unsafe_bytes(name))
        return false;
    host.ip = IpAddress::parse(name);
    if (host.ip) return true;
    if (has_delimiters(name)) return false;
    host.name = std::move(name);
    return true;
}

}  // namespace

std::optional<ProxyUrl> ProxyUrl::parse(std::string_view text, std::string* reason) {
    const auto fail = [&](std::string why) -> std::optional<ProxyUrl> {
        if (reason) *reason = std::move(why);
        return std::nullopt;
    };
    if (text.size() > limits::kProxyUrlBytes)
        return fail(fmt::format("proxy URL too long: {} bytes", text.size()));
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) return fail("proxy URL without a scheme");
    const std::string_view scheme_name = text.substr(0, scheme_end);
    const auto* row =
        std::find_if(std::begin(kSchemes), std::end(kSchemes),
                     [&](const SchemeRow& r) { return equal_ignoring_case(r.name, scheme_name); });
    if (row == std::end(kSchemes))
        return fail(fmt::format("unknown proxy scheme `{}'", scheme_name));

    std::string_view authority = text.substr(scheme_end + 3);
    const auto path = authority.find_first_of("/?#");
    const bool at_in_path =
        path != std::string_view::npos && authority.find('@', path) != std::string_view::npos;
    authority = authority.substr(0, path);
    ProxyUrl url;
    url.scheme = row->scheme;
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        const std::string_view userinfo = authority.substr(0, at);
        if (!parse_userinfo(userinfo, url))
            return fail(fmt::format("invalid proxy userinfo: `{}'", hide_password(userinfo)));
        authority.remove_prefix(at + 1);
    }

    std::string_view host, port;
    split_authority(authority, host, port);
    url.host.port = row->port;
    const bool is_port = port.data() == nullptr || parse_port(port, url.host.port);
    // Half of a password, which is not shown.
    if (!is_port && at_in_path)
        return fail("invalid proxy userinfo: `/', `?' and `#' in it are written %2F, %3F and %23");
    if (!is_port) return fail(fmt::format("unable to parse port number: `{}'", port));
    if (!parse_host(host, url.host)) return fail(fmt::format("invalid proxy host: `{}'", host));
    return url;
}

std::string ProxyUrl::to_string() const {
    const auto* row = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                   [&](const SchemeRow& r) { return r.scheme == scheme; });
    return fmt::format("{}://{}", row->name, host.to_string());
}

std::optional<std::vector<ProxyUrl>> parse_proxy_list(std::string_view text, std::string* reason) {
    std::vector<ProxyUrl> list;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (item.empty()) continue;
        auto url = ProxyUrl::parse(item, reason);
        if (!url) return std::nullopt;
        if (list.size() == limits::kChainHops) {
            if (reason) *reason = fmt::format("more than {} proxies", limits::kChainHops);
            return std::nullopt;
        }
        list.push_back(std::move(*url));
    }
    return list;
}

}  // namespace neosocksd::proto
