// Tested by browser_guard_test.cc and tests/e2e/test_api_browser.py.

#include "api/browser_guard.h"

#include <algorithm>

#include "base/address.h"

namespace neosocksd::api {
namespace {

constexpr std::string_view kRpcNames = ".neosocksd.internal";

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return result;
}

// The name or literal in "host", "host:port", "[v6]", "[v6]:port"; nothing from any other text.
std::optional<std::string_view> host_of(std::string_view field) {
    if (field.starts_with('[')) {
        const auto end = field.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view rest = field.substr(end + 1);
        if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
        return field.substr(1, end - 1);
    }
    const auto colon = field.find(':');
    const std::string_view port = colon == std::string_view::npos ? "" : field.substr(colon + 1);
    if (port.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    return field.substr(0, colon);
}

}  // namespace

BrowserGuard::BrowserGuard(std::string_view listen_address, const std::vector<std::string>& names,
                           bool unix_socket)
    : names_({"localhost"}), unix_(unix_socket) {
    std::string_view host, port;
    if (!listen_address.starts_with("systemd:") && split_host_port(listen_address, host, port) &&
        !host.empty())
        names_.push_back(lower(host));
    for (const std::string& name : names) names_.push_back(lower(name));
}

bool BrowserGuard::knows(std::string_view field) const {
    const auto host = host_of(field);
    if (!host) return false;
    if (IpAddress::parse(*host)) return true;
    std::string name = lower(*host);
    if (name.ends_with('.')) name.pop_back();
    return name.ends_with(kRpcNames) || std::ranges::find(names_, name) != names_.end();
}

const char* BrowserGuard::refusal(const HttpRequest& request) const {
    if (request.fetch_site && !proto::equal_ignoring_case(*request.fetch_site, "none") &&
        !proto::equal_ignoring_case(*request.fetch_site, "same-origin"))
        return "sent by a page of another site";
    if (request.origin) {
        const auto slashes = request.origin->find("://");
        if (slashes == std::string::npos || !request.host ||
            !proto::equal_ignoring_case(std::string_view(*request.origin).substr(slashes + 3),
                                        *request.host))
            return "sent by a page of another host";
    }
    if (request.host && !request.host->empty() && !unix_ && !knows(*request.host))
        return "unknown Host; --api-host lists names";
    return nullptr;
}

}  // namespace neosocksd::api
