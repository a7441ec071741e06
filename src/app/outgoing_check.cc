// Tested by tests/e2e/test_socket_options.py.

#include "app/outgoing_check.h"

#include <string_view>

#include <unistd.h>

#include "base/log.h"

namespace neosocksd::app {
namespace {

void warn_of_buffer(const char* name, int wanted, int granted, const char* setting) {
    if (granted < wanted)
        LOG_WARNING("{} {}: the kernel grants {} bytes ({})", name, wanted, granted, setting);
}

Result<void> try_family(int family, const net::OutgoingOptions& options) {
    const auto fd = net::open_outgoing(family, options);
    if (!fd) return std::unexpected(fd.error());
    ::close(*fd);
    return {};
}

}  // namespace

bool check_outgoing(const net::OutgoingOptions& options) {
    const auto granted = net::granted_buffers(options.socket);
    warn_of_buffer("--sndbuf", options.socket.sndbuf_bytes, granted.sndbuf_bytes,
                   "net.core.wmem_max");
    warn_of_buffer("--rcvbuf", options.socket.rcvbuf_bytes, granted.rcvbuf_bytes,
                   "net.core.rmem_max");
    if (options.mark != 0) {
        const net::OutgoingOptions mark{.mark = options.mark};
        if (const auto tried = try_family(AF_INET, mark); !tried) {
            LOG_FATAL("--fwmark: {}; CAP_NET_ADMIN is needed, or CAP_NET_RAW since Linux 5.17",
                      explain_outgoing(tried.error(), mark));
            return false;
        }
    }
    if (!options.interface.empty()) {
        const net::OutgoingOptions interface{.interface = options.interface};
        if (const auto tried = try_family(AF_INET, interface); !tried)
            LOG_WARNING("--netdev: {}; connections will fail until that changes",
                        explain_outgoing(tried.error(), interface));
    }
    for (const int family : {AF_INET, AF_INET6}) {
        // One family at a time, so that the other is not reported as missing.
        net::OutgoingOptions source{.source = options.source};
        if (!(family == AF_INET ? source.source.v4 : source.source.v6)) continue;
        (family == AF_INET ? source.source.v6 : source.source.v4).reset();
        if (const auto tried = try_family(family, source); !tried)
            LOG_WARNING("--bind-address: {}; connections will fail until that changes",
                        explain_outgoing(tried.error(), source));
    }
    return true;
}

}  // namespace neosocksd::app
