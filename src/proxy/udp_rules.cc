// Tested by tests/e2e/test_udp_rules.py and test_udp_chains.py.

#include "proxy/udp_rules.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "proto/http_head.h"

namespace neosocksd::proxy {
bool is_as_asked(const HostPort& decided, const HostPort& asked) {
    if (decided.port != asked.port) return false;
    // A literal has many spellings, and may have come as a name.
    const auto literal = [](const HostPort& target) {
        const auto ip = target.ip ? target.ip : IpAddress::parse(target.name);
        return ip ? std::optional(ip->unmapped()) : std::nullopt;
    };
    const auto ip = literal(asked);
    if (ip) return literal(decided) == ip;
    const auto rooted = [](std::string_view name) {
        return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    };
    return proto::equal_ignoring_case(rooted(decided.name), rooted(asked.name));
}

ruleset::Request::Kind rule_kind(const HostPort& target, bool named) {
    using Kind = ruleset::Request::Kind;
    if (named || !target.ip) return Kind::resolve;
    return target.ip->is_v4() ? Kind::route : Kind::route6;
}

const UdpRules::Decision* UdpRules::find(const HostPort& target, io::TimePoint now) {
    for (Entry& entry : entries_) {
        if (entry.target != target) continue;
        if (now - entry.asked > limits::kUdpVerdictTime) return nullptr;
        entry.used = now;
        return &entry.decision;
    }
    return nullptr;
}

void UdpRules::store(const HostPort& target, const Decision& decision, io::TimePoint now) {
    auto place = std::ranges::find(entries_, target, &Entry::target);
    if (place == entries_.end() && entries_.size() < limits::kUdpVerdicts)
        place = entries_.insert(place, Entry{});
    if (place == entries_.end()) place = std::ranges::min_element(entries_, {}, &Entry::used);
    *place = {target, decision, now, now};
}

bool UdpRules::can_take(const ruleset::Route& route) {
    const auto other = std::ranges::find_if(route.chain, [](const proto::ProxyUrl& hop) {
        return hop.scheme != proto::ProxyUrl::Scheme::socks5;
    });
    if (other == route.chain.end()) return true;
    // Once, for a client chooses how many targets it names.
    if (!std::exchange(warned_, true))
        LOG_WARNING(
            "{}: udp to `{}': `{}' is no SOCKS5 proxy, and datagrams take no other: "
            "have the rules choose another chain for `udp_associate', or none",
            request_.client, route.target.to_string(), other->to_string());
    return false;
}

UdpChain UdpRules::shared(std::vector<proto::ProxyUrl> chain) const {
    for (const Entry& entry : entries_)
        if (entry.decision.chain && *entry.decision.chain == chain) return entry.decision.chain;
    return std::make_shared<const std::vector<proto::ProxyUrl>>(std::move(chain));
}

// await.forward dials nothing for a datagram: its route is the decision.
class UdpRules::Forwarder final : public ruleset::Forwarder {
public:
    explicit Forwarder(UdpRules& rules) : rules_(rules) {}
    io::Task<std::string> forward(ruleset::Route route) override {
        // The word for a hop that can not: the script may have another chain to try.
        if (!rules_.can_take(route)) co_return "proxy refused connection";
        chosen = std::move(route);
        co_return std::string();
    }
    ruleset::Route chosen;

private:
    UdpRules& rules_;
};

io::Task<UdpRules::Decision> UdpRules::ask(io::Loop& loop, HostPort target) {
    ruleset::Request request = request_;
    request.kind = rule_kind(target, false);
    request.address = target.to_string();
    Forwarder forwarder(*this);
    auto asking = rules_.ask(loop, std::move(request), forwarder);
    auto verdict = co_await std::move(asking);
    using Kind = ruleset::Verdict::Kind;
    Decision decision;
    if (verdict.kind != Kind::reject) {
        ruleset::Route& route = verdict.kind == Kind::connected ? forwarder.chosen : verdict.route;
        decision.accepted = can_take(route);
        decision.as_asked = is_as_asked(route.target, target);
        decision.target = std::move(route.target);
        if (decision.accepted && route.chain != chain_)
            decision.chain = shared(std::move(route.chain));
    }
    if (verdict.text != "cancelled") store(target, decision, loop.now());
    co_return decision;
}

}  // namespace neosocksd::proxy
