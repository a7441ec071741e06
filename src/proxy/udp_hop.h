// An association at the last hop of a chain of SOCKS5 proxies: the TCP connection that asked for
// it, over the hops before, and the socket for its datagrams, which go straight to that hop.

#pragma once

#include <expected>
#include <span>

#include "proxy/services.h"

namespace neosocksd::proxy {

class UdpHop {
public:
    // The chain is the caller's, and stays until open() has returned.
    UdpHop(const Services& services, std::span<const proto::ProxyUrl> chain)
        : services_(services), chain_(chain) {}
    UdpHop(const UdpHop&) = delete;
    UdpHop& operator=(const UdpHop&) = delete;
    ~UdpHop() { close(); }

    // Asks for it, in the scope of the caller. What was opened is closed on failure, or by close().
    io::Task<std::expected<void, net::DialFailure>> open();
    // Nobody waits for either socket any more.
    void close();

    // It lasts as long as this is connected.
    io::Socket& control() { return control_; }
    // Connected: nobody but the hop is heard.
    io::Socket& relay() { return relay_; }

private:
    io::Task<std::expected<void, net::DialFailure>> open_relay();
    io::Task<std::expected<Endpoint, net::DialFailure>> relay_of(HostPort bound);

    const Services services_;
    const std::span<const proto::ProxyUrl> chain_;
    io::Socket control_;
    io::Socket relay_;
    net::ExtraDescriptors descriptors_;
};

}  // namespace neosocksd::proxy
