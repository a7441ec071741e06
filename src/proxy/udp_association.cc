// The life of an association; what happens to its datagrams is in udp_forward.cc.

#include "proxy/udp_association.h"

#include <cerrno>

#include <fmt/format.h>

#include "io/await.h"
#include "net/udp_socket.h"
#include "proxy/hop_command.h"

namespace neosocksd::proxy {
namespace {

using Cause = net::DialFailure::Cause;

std::unexpected<net::DialFailure> fail(Cause cause, int code, const std::string& why) {
    return net::dial_failure(cause, code, "udp: " + why);
}

std::unexpected<net::DialFailure> fail(const Error& error) {
    return fail(Cause::connect, error.code, error.to_string());
}

}  // namespace

UdpAssociation::UdpAssociation(const Services& services, io::Scope& parent, io::Socket& control,
                               const Endpoint& client, std::unique_ptr<UdpRules> rules,
                               io::Duration idle)
    : services_(services),
      tasks_(&parent),
      ended_(services.loop),
      control_(control),
      client_{client.ip.unmapped(), client.port},
      idle_(idle),
      last_(services.loop.now()),
      rules_(std::move(rules)) {}

UdpAssociation::~UdpAssociation() {
    close();
}

io::Task<std::expected<Endpoint, net::DialFailure>> UdpAssociation::open(
    const net::DialRequest& request) {
    by_hop_ = !request.chain.empty();
    const bool two_backs = !by_hop_ && services_.outgoing.source.v4 && services_.outgoing.source.v6;
    descriptors_ = services_.admission.take_descriptors(by_hop_ || two_backs ? 2 : 1);
    if (!descriptors_) co_return fail(Cause::connect, EMFILE, "out of descriptors");
    if (by_hop_) {
        auto opened = co_await open_hop(request);
        if (!opened) co_return std::unexpected(std::move(opened.error()));
    } else {
        const auto back = net::open_outgoing_udp(services_.outgoing);
        if (!back) co_return fail(back.error());
        dual_ = back->dual >= 0;
        if (dual_ || back->v6 >= 0) back_.adopt(dual_ ? back->dual : back->v6);
        if (back->v4 >= 0) back_v4_.adopt(back->v4);
    }
    const auto control = io::local_endpoint(control_.fd());
    if (!control) co_return fail(control.error());
    const auto front = net::open_udp(control->ip.unmapped());
    if (!front) co_return fail(front.error());
    front_.adopt(*front);
    const auto bound = io::local_endpoint(*front);
    if (!bound) co_return fail(bound.error());
    port_ = net::OwnPorts::Entry(services_.udp_ports, bound->port);
    co_return *bound;
}

io::Task<std::expected<void, net::DialFailure>> UdpAssociation::open_hop(
    const net::DialRequest& request) {
    // Where we will send from is not known beyond the next address translator.
    const HostPort anywhere = HostPort::literal({});
    HopCommand command(services_, request.chain, proto::Command::udp_associate, anywhere);
    const auto bound = co_await command.ask(hop_);
    if (!bound) co_return std::unexpected(bound.error());
    const auto relay = co_await hop_relay(*bound);
    if (!relay) co_return std::unexpected(relay.error());
    const auto back = net::connect_udp(*relay, services_.outgoing);
    if (!back) co_return fail(back.error());
    back_.adopt(*back);
    co_return std::expected<void, net::DialFailure>();
}

io::Task<std::expected<Endpoint, net::DialFailure>> UdpAssociation::hop_relay(
    const HostPort& bound) {
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

void UdpAssociation::close() {
    for (io::Socket* socket : {&front_, &back_, &back_v4_, &hop_})
        if (socket->is_open()) services_.loop.engine().close(*socket);
}

io::Task<std::string_view> UdpAssociation::run() {
    last_ = services_.loop.now();
    const Received received = by_hop_ ? &UdpAssociation::from_hop : &UdpAssociation::from_target;
    tasks_.spawn(watch(control_, "the client left"));
    if (by_hop_) tasks_.spawn(watch(hop_, "the hop left"));
    tasks_.spawn(watch_idle());
    for (io::Socket* back : {&back_, &back_v4_})
        if (back->is_open()) tasks_.spawn(serve(*back, received));
    tasks_.spawn(serve(front_, &UdpAssociation::from_client));
    const auto ended = co_await ended_.wait();
    if (!ended) finish("stopped");
    tasks_.cancel();
    co_await tasks_.drained();
    close();
    co_return reason_;
}

void UdpAssociation::finish(std::string_view reason) {
    if (reason_.empty()) reason_ = reason;
    ended_.set();
}

io::Task<void> UdpAssociation::watch(io::Socket& connection, std::string_view reason) {
    std::size_t ignored = 0;
    while (ignored <= limits::kUdpControlBytes) {
        const auto got = co_await io::recv(
            services_.loop, connection, [&](std::string_view bytes) { ignored += bytes.size(); });
        if (got && *got > 0) continue;
        if (!tasks_.scope().cancelled()) finish(reason);
        co_return;
    }
    finish("too many bytes on the TCP connection");
}

io::Task<void> UdpAssociation::watch_idle() {
    for (;;) {
        const io::Duration left = last_ + idle_ - services_.loop.now();
        if (left <= io::Duration::zero()) break;
        const auto slept = co_await io::sleep(services_.loop, left);
        if (!slept) co_return;
    }
    finish("idle");
}

std::uint64_t UdpAssociation::dropped() const {
    return drops_.spoofed + drops_.malformed + drops_.rejected + drops_.blocked +
           drops_.unresolved + drops_.held + drops_.fragments + reassembly_.discarded() +
           up_.oversize + down_.oversize + up_.full + down_.full + up_.unsent + down_.unsent;
}

std::string UdpAssociation::summary() const {
    std::string text = fmt::format("datagrams up={} down={}", up_.datagrams, down_.datagrams);
    if (dropped() == 0) return text;
    const struct {
        const char* name;
        std::uint64_t count;
    } reasons[] = {
        {"spoofed", drops_.spoofed},
        {"malformed", drops_.malformed},
        {"fragments", drops_.fragments + reassembly_.discarded()},
        {"rejected", drops_.rejected},
        {"blocked", drops_.blocked},
        {"unresolved", drops_.unresolved},
        {"held", drops_.held},
        {"oversize", up_.oversize + down_.oversize},
        {"full", up_.full + down_.full},
        {"unsent", up_.unsent + down_.unsent},
    };
    const char* separator = "";
    text += fmt::format(", dropped={} (", dropped());
    for (const auto& reason : reasons) {
        if (reason.count == 0) continue;
        text += fmt::format("{}{}={}", separator, reason.name, reason.count);
        separator = " ";
    }
    return text + ')';
}

}  // namespace neosocksd::proxy
