// A proxy URL that is accepted has a host that can be used, stays within its limits, and its text
// for logs means the same hop without credentials.

#include "proto/proxy_url.h"

#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

void check(const ProxyUrl& url) {
    require(!has_unsafe_bytes(url.host.name) && url.host.name.size() <= limits::kHostBytes);
    require(url.username || !url.password);
    const std::size_t credentials =
        url.username.value_or("").size() + url.password.value_or("").size();
    require(credentials <= limits::kProxyCredentialBytes);
    // The text is not encoded again: a percent sign, as in a scope, would be misread.
    if (url.host.host().find('%') != std::string::npos) return;
    const auto again = ProxyUrl::parse(url.to_string());
    require(again && again->scheme == url.scheme && again->host == url.host && !again->username);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    std::string reason;
    const auto url = ProxyUrl::parse(input.rest(), &reason);
    require(url.has_value() == reason.empty());
    if (url) check(*url);
    if (const auto list = parse_proxy_list(input.rest())) {
        require(list->size() <= limits::kChainHops);
        for (const ProxyUrl& hop : *list) check(hop);
    }
    return 0;
}
