// The choice of the protocol, and the checks on a target that all protocols share.

#include "proto/upstream.h"

#include <utility>

#include "base/limits.h"
#include "proto/wire.h"

namespace neosocksd::proto {

namespace {

// A name that spells an address is sent as one. A scope means nothing on another machine.
HostPort as_sent(const HostPort& target) {
    HostPort sent = target;
    if (!sent.ip) sent.ip = IpAddress::parse(sent.name);
    if (sent.ip && sent.ip->is_v6()) sent.ip = read_ip(sent.ip->octets());
    return sent;
}

const char* objection_to(const HostPort& target) {
    if (target.ip) return nullptr;
    if (target.name.empty()) return "empty host name";
    if (target.name.size() > limits::kHostBytes) return "host name too long";
    if (has_unsafe_bytes(target.name)) return "host name with blanks or control bytes";
    return nullptr;
}

}  // namespace

UpstreamMachine::UpstreamMachine(const ProxyUrl& hop, const HostPort& target, Command command) {
    UpstreamExchange exchange{output_, failure_, reply_, fault_};
    const HostPort sent = as_sent(target);
    if (const char* objection = objection_to(sent)) {
        next_ = exchange.fail(UpstreamFault::protocol, Reply::general_failure, objection).next;
        return;
    }
    if (command != Command::connect && hop.scheme != ProxyUrl::Scheme::socks5) {
        next_ = exchange
                    .fail(UpstreamFault::protocol, Reply::command_not_supported,
                          "only SOCKS5 hops can do that")
                    .next;
        return;
    }
    switch (hop.scheme) {
    case ProxyUrl::Scheme::http: machine_.emplace<HttpClient>(); break;
    case ProxyUrl::Scheme::socks4a: machine_.emplace<Socks4Client>(); break;
    case ProxyUrl::Scheme::socks5: machine_.emplace<Socks5Client>(command); break;
    }
    next_ = std::visit([&](auto& machine) { return machine.start(hop, sent, exchange).next; },
                       machine_);
}

UpstreamNext UpstreamMachine::feed(std::string_view bytes) {
    if (next_ == Next::established) pending_.append(bytes);
    if (next_ != Next::need_bytes || bytes.empty()) return next_;
    UpstreamExchange exchange{output_, failure_, reply_, fault_};
    const std::string_view input = pending_.with(bytes);
    const UpstreamStep step =
        std::visit([&](auto& machine) { return machine.step(input, exchange); }, machine_);
    next_ = step.next;
    if (next_ == Next::failed) {
        pending_.clear();
    } else {
        pending_.consume(input, step.consumed);
    }
    return next_;
}

UpstreamNext UpstreamMachine::expect_second_reply() {
    next_ = Next::need_bytes;
    const std::string early = std::exchange(pending_.bytes(), {});
    return feed(early);
}

HostPort UpstreamMachine::bound() const {
    const auto* socks5 = std::get_if<Socks5Client>(&machine_);
    return socks5 ? socks5->bound() : HostPort{};
}

UpstreamNext UpstreamMachine::closed() {
    if (next_ == Next::need_bytes) {
        UpstreamExchange exchange{output_, failure_, reply_, fault_};
        next_ =
            exchange
                .fail(UpstreamFault::closed, Reply::general_failure, "proxy closed the connection")
                .next;
        pending_.clear();
    }
    return next_;
}

}  // namespace neosocksd::proto
