// Tested by config_reload_test.cc and tests/e2e.

#include "app/outbound.h"

namespace neosocksd::app {

std::expected<proxy::Outbound, std::string> parse_outbound(const Options& options) {
    proxy::Outbound outbound;
    std::string reason;
    if (options.forward && UnixAddress::recognises(*options.forward)) {
        outbound.forward_socket = UnixAddress::parse(*options.forward, &reason);
        if (!outbound.forward_socket) return std::unexpected(reason);
    } else if (options.forward) {
        auto target = HostPort::parse(*options.forward, &reason);
        if (!target) return std::unexpected(reason);
        outbound.forward = std::move(*target);
    }
    auto chain = proto::parse_proxy_list(options.proxy, &reason);
    if (!chain) return std::unexpected(reason);
    outbound.chain = std::move(*chain);
    return outbound;
}

}  // namespace neosocksd::app
