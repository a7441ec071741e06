// Tested by tests/e2e/test_udp_hops.py and test_udp_chains.py.

#include "proxy/udp_hop.h"

#include <cerrno>
#include <vector>

#include <fmt/format.h>

#include "net/udp_socket.h"
#include "proxy/hop_command.h"

namespace neosocksd::proxy {
namespace {

using Cause = net::DialFailure::Cause;

std::unexpected<net::DialFailure> fail(Cause cause, int code, const std::string& why) {
    return net::dial_failure(cause, code, "udp: " + why);
}

}  // namespace

io::Task<std::expected<void, net::DialFailure>> UdpHop::open() {
    descriptors_ = services_.admission.take_descriptors(2);
    if (!descriptors_) co_return fail(Cause::connect, EMFILE, "out of descriptors");
    auto opened = co_await open_relay();
    if (!opened) close();
    co_return opened;
}

io::Task<std::expected<void, net::DialFailure>> UdpHop::open_relay() {
    // Where we will send from is not known beyond the next address translator.
    const HostPort anywhere = HostPort::literal({});
    HopCommand command(services_, chain_, proto::Command::udp_associate, anywhere);
    auto bound = co_await command.ask(control_);
    if (!bound) co_return std::unexpected(std::move(bound.error()));
    auto finding = relay_of(std::move(*bound));
    auto address = co_await std::move(finding);
    if (!address) co_return std::unexpected(std::move(address.error()));
    const auto relay = net::connect_udp(*address, services_.outgoing);
    if (!relay) co_return fail(Cause::connect, relay.error().code, relay.error().to_string());
    relay_.adopt(*relay);
    co_return std::expected<void, net::DialFailure>();
}

io::Task<std::expected<Endpoint, net::DialFailure>> UdpHop::relay_of(HostPort bound) {
    std::vector<IpAddress> addresses;
    if (bound.ip) {
        addresses.push_back(*bound.ip);
    } else {
        auto found = co_await services_.resolver.resolve(bound.name);
        if (!found)
            co_return fail(
                Cause::unresolved, found.error().code,
                fmt::format("`{}': {}", bound.name, net::describe_resolve_error(found.error())));
        addresses.assign(found->begin(), found->end());
    }
    for (const IpAddress& address : addresses) {
        const auto vetted = services_.policy.vet({address, bound.port}, net::Origin::operator_);
        if (vetted && bound.port != 0) co_return vetted->endpoint();
    }
    co_return fail(
        Cause::blocked, EACCES,
        fmt::format("the hop's relay `{}' is blocked by --block-outbound", bound.to_string()));
}

void UdpHop::close() {
    for (io::Socket* socket : {&control_, &relay_})
        if (socket->is_open()) services_.loop.engine().close(*socket);
    descriptors_ = {};
}

}  // namespace neosocksd::proxy
