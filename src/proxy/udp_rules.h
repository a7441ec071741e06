// What the rules have decided about the targets of one UDP association.
//
// Each target is asked about once, as if it were a connection (the request's `command` is
// "udp_associate"), and again when the answer is older than limits::kUdpVerdictTime: rules change
// while associations live. Few targets at a time: the one used longest ago makes room, and is asked
// about again when it comes back.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/limits.h"
#include "io/timer.h"
#include "proxy/udp_chain_table.h"
#include "ruleset/rules.h"

namespace neosocksd::proxy {

class UdpRules {
public:
    // `request` is the question but for its target. `chain` is that of the association itself.
    UdpRules(ruleset::Rules& rules, ruleset::Request request,
             const std::vector<proto::ProxyUrl>& chain)
        : rules_(rules), request_(std::move(request)), chain_(chain) {}

    struct Decision {
        bool accepted = false;
        HostPort target;
        bool as_asked = true;  // the rules have left it as the client named it
        UdpChain chain;        // of SOCKS5 proxies; nullptr: the way of the association
    };

    // nullptr: ask().
    const Decision* find(const HostPort& target, io::TimePoint now);
    // Waits for the rules in the scope of the caller.
    io::Task<Decision> ask(io::Loop& loop, HostPort target);

private:
    struct Entry {
        HostPort target;
        Decision decision;
        io::TimePoint asked;
        io::TimePoint used;
    };
    class Forwarder;

    void store(const HostPort& target, const Decision& decision, io::TimePoint now);
    // Whether datagrams can take the chain; the first time that they can not is a warning.
    bool can_take(const ruleset::Route& route);
    // Equal chains are kept once.
    UdpChain shared(std::vector<proto::ProxyUrl> chain) const;

    ruleset::Rules& rules_;
    const ruleset::Request request_;
    const std::vector<proto::ProxyUrl>& chain_;
    std::vector<Entry> entries_;
    bool warned_ = false;
};

// Whether a target that rules have decided is the one that was asked about: then the client has
// named it, otherwise the operator.
bool is_as_asked(const HostPort& decided, const HostPort& asked);

// The callback for a target: names, and addresses that came as a name, are for `resolve`.
ruleset::Request::Kind rule_kind(const HostPort& target, bool named);

}  // namespace neosocksd::proxy
