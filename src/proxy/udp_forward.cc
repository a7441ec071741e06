// What an association does with datagrams. Everything here happens between one receive and the
// next, from the batch's own memory; only names that have to be looked up take copies.

#include <cassert>

#include "io/await.h"
#include "net/udp_socket.h"
#include "proxy/udp_association.h"

namespace neosocksd::proxy {
namespace {

void count(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
    // This thread alone writes.
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

io::Task<void> UdpAssociation::serve(io::Socket& from, Received received, UdpLife& life) {
    io::Loop& loop = services_.loop;
    for (;;) {
        const auto ready = co_await io::wait_for(loop, from, io::Readiness::readable);
        if (!ready) {
            if (!tasks_.scope().cancelled()) life.finish(ready.error().operation);
            co_return;
        }
        std::size_t moved = 0;
        while (moved < limits::kUdpTurnDatagrams) {
            const auto got = services_.batch.receive(from);
            for (std::size_t i = 0; got && i < *got; i++) (this->*received)(i, life);
            flush();
            // An error is that of an earlier send; who keeps causing them must not keep the loop.
            moved += got ? *got : 1;
            if (got && *got < limits::kUdpBatch) break;
        }
        if (moved < limits::kUdpTurnDatagrams) continue;
        const auto rested = co_await io::sleep(loop, io::Duration::zero());
        if (!rested) co_return;
    }
}

void UdpAssociation::choose(io::Socket& to) {
    if (chosen_ != &to) flush();
    chosen_ = &to;
}

void UdpAssociation::flush() {
    if (!chosen_) return;
    const bool down = chosen_ == &front_;
    net::UdpTally& tally = down ? down_ : up_;
    const std::uint64_t before = tally.bytes;
    services_.batch.flush(*chosen_, tally);
    count(down ? services_.relays.down_bytes : services_.relays.up_bytes, tally.bytes - before);
    chosen_ = nullptr;
}

bool UdpAssociation::is_client(const Endpoint& source) const {
    return source.ip == client_.ip && (client_.port == 0 || source.port == client_.port);
}

void UdpAssociation::from_client(std::size_t index, UdpLife& life) {
    const Endpoint source = services_.batch.source(index);
    if (!is_client(source)) {
        drops_.spoofed++;
        return;
    }
    const std::string_view datagram = services_.batch.bytes(index);
    const auto header = proto::parse_udp_header(datagram);
    if (!header) {
        drops_.malformed++;
        return;
    }
    client_.port = source.port;
    life.last = services_.loop.now();
    const std::string_view payload = datagram.substr(header->size);
    if (header->fragment == 0) {
        reassembly_.abandon();
        to_target(header->target, datagram.substr(0, header->size), payload);
        return;
    }
    if (!reassembly_.add(*header, payload, life.last)) return;
    const std::string whole = hop_ ? proto::udp_header(reassembly_.target()) : std::string();
    to_target(reassembly_.target(), whole, reassembly_.payload());
    // Before the next fragment overwrites it.
    flush();
}

// `header` is the client's own, for a hop.
void UdpAssociation::to_target(const HostPort& target, std::string_view header,
                               std::string_view payload) {
    if (!rules_) {
        if (hop_)
            send_to_hop(header, payload);
        else
            send_to(target, payload, net::Origin::client);
    } else if (const auto* decision = rules_->find(target, life_.last)) {
        send_as_decided(*decision, payload);
    } else if (hold(payload)) {
        tasks_.spawn(send_when_decided(target, std::string(payload)));
    }
}

void UdpAssociation::send_as_decided(const UdpRules::Decision& decision, std::string_view payload) {
    if (!decision.accepted) {
        drops_.rejected++;
    } else if (decision.chain) {
        send_by_chain(decision, payload);
    } else if (hop_) {
        const std::string header = proto::udp_header(decision.target);
        send_to_hop(header, payload);
        flush();  // the header is ours
    } else {
        send_to(decision.target, payload,
                decision.as_asked ? net::Origin::client : net::Origin::operator_);
    }
}

io::Task<void> UdpAssociation::send_when_decided(HostPort target, std::string payload) {
    auto asking = rules_->ask(services_.loop, std::move(target));
    const auto decision = co_await std::move(asking);
    release(payload);
    if (tasks_.scope().cancelled()) co_return;
    send_as_decided(decision, payload);
    flush();
}

void UdpAssociation::send_to_hop(std::string_view header, std::string_view payload) {
    choose(hop_->relay());
    services_.batch.add(nullptr, header, payload);
}

void UdpAssociation::send_to(const HostPort& target, std::string_view payload, net::Origin origin) {
    if (target.ip) {
        send_to({*target.ip, target.port}, payload, origin);
    } else if (const IpAddress* known = names_.find(target.name, life_.last)) {
        send_to({*known, target.port}, payload, origin);
    } else if (hold(payload)) {
        tasks_.spawn(send_when_resolved(target, std::string(payload), origin));
    }
}

void UdpAssociation::send_to(const Endpoint& target, std::string_view payload, net::Origin origin) {
    const auto vetted = services_.policy.vet(target, origin);
    if (!vetted || services_.udp_ports.contains(vetted->endpoint())) {
        drops_.blocked++;
        return;
    }
    const Endpoint endpoint = dual_ ? net::mapped(vetted->endpoint()) : vetted->endpoint();
    io::Socket& socket = endpoint.ip.is_v4() ? back_v4_ : back_;
    if (!socket.is_open()) {
        up_.unsent++;  // a family that we do not speak here
        return;
    }
    choose(socket);
    services_.batch.add(&endpoint, {}, payload);
}

bool UdpAssociation::hold(std::string_view payload) {
    if (held_ >= limits::kUdpHeldDatagrams ||
        held_bytes_ + payload.size() > limits::kUdpHeldBytes) {
        drops_.held++;
        return false;
    }
    held_++;
    held_bytes_ += payload.size();
    // What is known already is sent from inside the caller's task, and must not be mixed with the
    // batch.
    flush();
    return true;
}

void UdpAssociation::release(std::string_view payload) {
    held_--;
    held_bytes_ -= payload.size();
}

io::Task<void> UdpAssociation::send_when_resolved(HostPort target, std::string payload,
                                                  net::Origin origin) {
    const auto found = co_await services_.resolver.resolve(target.name);
    release(payload);
    if (tasks_.scope().cancelled()) co_return;
    if (!found) {
        drops_.unresolved++;
        co_return;
    }
    // One that was sent before this must go to the same address.
    const IpAddress* chosen = names_.find(target.name, services_.loop.now());
    for (auto it = found->begin(); !chosen && it != found->end(); ++it)
        if (services_.policy.vet({*it, target.port}, origin)) chosen = &*it;
    if (!chosen) {
        drops_.blocked++;
        co_return;
    }
    const Endpoint endpoint{*chosen, target.port};
    names_.store(target.name, endpoint.ip, services_.loop.now());
    send_to(endpoint, payload, origin);
    flush();
}

void UdpAssociation::from_target(std::size_t index, UdpLife& life) {
    const Endpoint source = services_.batch.source(index);
    // By its class alone: port 0 is nobody's listener.
    if (client_.port == 0 || !services_.policy.vet({source.ip, 0}, net::Origin::operator_)) {
        drops_.blocked++;
        return;
    }
    life.last = services_.loop.now();
    const proto::UdpEndpointHeader header(source);
    choose(front_);
    services_.batch.add_with_head(&client_, header.bytes(), services_.batch.bytes(index));
}

void UdpAssociation::from_hop(std::size_t index, UdpLife& life) {
    const std::string_view datagram = services_.batch.bytes(index);
    const auto header = proto::parse_udp_header(datagram);
    if (!header || client_.port == 0) {
        drops_.malformed++;
    } else if (header->fragment != 0) {
        drops_.fragments++;
    } else {
        life.last = life_.last = services_.loop.now();
        choose(front_);
        services_.batch.add(&client_, datagram.substr(0, header->size),
                            datagram.substr(header->size));
    }
}

}  // namespace neosocksd::proxy
