// The life of an association; what happens to its datagrams is in udp_forward.cc.

#include "proxy/udp_association.h"

#include <cerrno>

#include <fmt/format.h>

#include "io/await.h"
#include "net/udp_socket.h"

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
      life_(services.loop),
      control_(control),
      client_{client.ip.unmapped(), client.port},
      idle_(idle),
      rules_(std::move(rules)) {}

UdpAssociation::~UdpAssociation() {
    close();
}

io::Task<std::expected<Endpoint, net::DialFailure>> UdpAssociation::open(
    const net::DialRequest& request) {
    // The session has counted two: the client's connection and a target's. Hops count their own.
    const bool two_backs = services_.outgoing.source.v4 && services_.outgoing.source.v6;
    if (!request.chain.empty()) {
        hop_ = std::make_unique<UdpHop>(services_, request.chain);
        auto opened = co_await hop_->open();
        if (!opened) co_return std::unexpected(std::move(opened.error()));
    } else {
        descriptors_ = services_.admission.take_descriptors(two_backs ? 2 : 1);
        if (!descriptors_) co_return fail(Cause::connect, EMFILE, "out of descriptors");
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

void UdpAssociation::close() {
    for (io::Socket* socket : {&front_, &back_, &back_v4_})
        if (socket->is_open()) services_.loop.engine().close(*socket);
    if (hop_) hop_->close();
}

io::Task<std::string_view> UdpAssociation::run() {
    life_.last = services_.loop.now();
    tasks_.spawn(watch(control_, "the client left", life_));
    tasks_.spawn(watch_idle(life_));
    if (hop_) {
        tasks_.spawn(watch(hop_->control(), "the hop left", life_));
        tasks_.spawn(serve(hop_->relay(), &UdpAssociation::from_hop, life_));
    }
    for (io::Socket* back : {&back_, &back_v4_})
        if (back->is_open()) tasks_.spawn(serve(*back, &UdpAssociation::from_target, life_));
    tasks_.spawn(serve(front_, &UdpAssociation::from_client, life_));
    const auto ended = co_await life_.ended.wait();
    if (!ended) life_.finish("stopped");
    tasks_.cancel();
    co_await tasks_.drained();
    close();
    co_return life_.reason;
}

io::Task<void> UdpAssociation::watch(io::Socket& connection, std::string_view reason,
                                     UdpLife& life) {
    std::size_t ignored = 0;
    while (ignored <= limits::kUdpControlBytes) {
        const auto got = co_await io::recv(
            services_.loop, connection, [&](std::string_view bytes) { ignored += bytes.size(); });
        if (got && *got > 0) continue;
        if (!tasks_.scope().cancelled()) life.finish(reason);
        co_return;
    }
    life.finish("too many bytes on the TCP connection");
}

io::Task<void> UdpAssociation::watch_idle(UdpLife& life) {
    for (;;) {
        const io::Duration left = life.last + idle_ - services_.loop.now();
        if (left <= io::Duration::zero()) break;
        const auto slept = co_await io::sleep(services_.loop, left);
        if (!slept) co_return;
    }
    life.finish(UdpLife::kIdle);
}

std::uint64_t UdpAssociation::dropped() const {
    return drops_.spoofed + drops_.malformed + drops_.rejected + drops_.blocked +
           drops_.unresolved + drops_.held + drops_.unreachable + drops_.fragments +
           reassembly_.discarded() + up_.oversize + down_.oversize + up_.full + down_.full +
           up_.unsent + down_.unsent;
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
        {"unreachable", drops_.unreachable},
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
