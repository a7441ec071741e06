// One SOCKS5 UDP association (RFC 1928 section 7).
//
//   client ⇄ front socket ⇄ association ⇄ back socket ⇄ targets, or a SOCKS5 hop
//
// Two sockets, so that a datagram's direction never has to be guessed from its address. The front
// is bound to the very address on which the client reached us, for the client expects answers from
// there; it hears the client alone: the IP address of the TCP connection, and the port that the
// request named or, if none, that of the first well-formed datagram. The back speaks IPv4 and IPv6,
// and hears anybody whom --block-outbound does not forbid (full cone, as 1.4.2's successors).
//
// Behind a chain of SOCKS5 proxies the last one is asked for an association of its own, and
// datagrams pass through as they are, header and all: names are the hop's to resolve. Rules may
// send some targets through chains of their own, which come and go meanwhile: udp_chains.cc.
//
// It ends with the TCP connection of the client or of the hop, or when idle. Nothing is queued but
// datagrams that wait for a name, the rules or a hop, and one reassembly, all bounded.
// Tested by udp_association_test.cc and tests/e2e/test_udp*.py.

#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "io/task_group.h"
#include "proto/socks5_udp.h"
#include "proxy/services.h"
#include "proxy/udp_hop.h"
#include "proxy/udp_life.h"
#include "proxy/udp_names.h"
#include "proxy/udp_rules.h"

namespace neosocksd::proxy {

class UdpAssociation {
public:
    // Datagrams that went no further, by what was wrong with them.
    struct Drops {
        std::uint64_t spoofed = 0;      // not from the client
        std::uint64_t malformed = 0;    // no header
        std::uint64_t rejected = 0;     // by the rules
        std::uint64_t blocked = 0;      // to a forbidden address or a listener of ours, or from one
        std::uint64_t unresolved = 0;   // to a name without an address
        std::uint64_t held = 0;         // too many wait
        std::uint64_t unreachable = 0;  // the hop of their chain is not there
        std::uint64_t fragments = 0;    // a hop's; those of the client are in the reassembly
    };

    // `control` is the client's connection, and is watched; `client` is who it is, with the port
    // it will send from, or 0. Tasks run below `parent`. `rules` are asked about targets, if any.
    UdpAssociation(const Services& services, io::Scope& parent, io::Socket& control,
                   const Endpoint& client, std::unique_ptr<UdpRules> rules = nullptr,
                   io::Duration idle = limits::kUdpIdleTime);
    ~UdpAssociation();

    // Opens the sockets, and asks the hop if there is a chain: what the client is to be told.
    io::Task<std::expected<Endpoint, net::DialFailure>> open(const net::DialRequest& request);
    // Until it ends: why. No socket of ours is open then; `control` still is.
    io::Task<std::string_view> run();

    const net::UdpTally& up() const { return up_; }
    const net::UdpTally& down() const { return down_; }
    std::uint64_t dropped() const;
    // "datagrams up=1 down=2, dropped=3 (spoofed=3)"
    std::string summary() const;

private:
    // The hop of a chain that the rules chose.
    struct ChainHop;
    using Received = void (UdpAssociation::*)(std::size_t index, UdpLife& life);

    void close();

    // Each lasts as long as `life`, and may end it: moves what arrives at `from`,
    io::Task<void> serve(io::Socket& from, Received received, UdpLife& life);
    // sees a connection end,
    io::Task<void> watch(io::Socket& connection, std::string_view reason, UdpLife& life);
    // or nothing move.
    io::Task<void> watch_idle(UdpLife& life);

    // Each takes one received datagram and adds to the batch what is to be sent.
    void from_client(std::size_t index, UdpLife& life);
    void from_target(std::size_t index, UdpLife& life);
    void from_hop(std::size_t index, UdpLife& life);
    bool is_client(const Endpoint& source) const;
    void to_target(const HostPort& target, std::string_view header, std::string_view payload);
    void send_to(const HostPort& target, std::string_view payload, net::Origin origin);
    void send_to(const Endpoint& target, std::string_view payload, net::Origin origin);
    void send_to_hop(std::string_view header, std::string_view payload);
    void send_by_chain(const UdpRules::Decision& decision, std::string_view payload);
    io::Task<void> run_chain(std::unique_ptr<ChainHop> hop);
    io::Task<std::string> serve_chain(ChainHop& hop);
    // Counts a datagram that waits. False: too many do.
    bool hold(std::string_view payload);
    void release(std::string_view payload);
    io::Task<void> send_when_decided(HostPort target, std::string payload);
    void send_as_decided(const UdpRules::Decision& decision, std::string_view payload);
    io::Task<void> send_when_resolved(HostPort target, std::string payload, net::Origin origin);
    // The batch is for one socket: empties it if it holds datagrams for another.
    void choose(io::Socket& to);
    // Empties the batch and counts.
    void flush();

    const Services services_;
    io::TaskGroup tasks_;
    UdpLife life_;
    io::Socket& control_;
    io::Socket front_;
    io::Socket back_;              // to targets of either family
    io::Socket back_v4_;           // to IPv4 targets, where that takes a socket of its own
    std::unique_ptr<UdpHop> hop_;  // instead, if there is a chain
    net::ExtraDescriptors descriptors_;
    net::OwnPorts::Entry port_;  // of the front
    Endpoint client_;
    const io::Duration idle_;
    io::Socket* chosen_ = nullptr;  // for which the batch is
    bool dual_ = false;             // the back socket wants mapped addresses
    proto::UdpReassembly reassembly_;
    std::unique_ptr<UdpRules> rules_;
    UdpNames names_;
    UdpChainTable<ChainHop> chains_;
    std::size_t held_ = 0;
    std::size_t held_bytes_ = 0;
    net::UdpTally up_;
    net::UdpTally down_;
    Drops drops_;
};

}  // namespace neosocksd::proxy
