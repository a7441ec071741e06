// Receives and sends datagrams several at a time: recvmmsg(2) and sendmmsg(2).
//
// One batch serves all associations of a loop: what was received is used, and sent on from where
// it lies, before anybody receives again. A datagram is never cut: there is room for the largest.
// Nothing is queued: what the kernel does not take at once is dropped and counted, as it would be
// anywhere else on the way of a datagram.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/result.h"
#include "io/socket.h"

namespace neosocksd::net {

// What became of the datagrams of one direction.
struct UdpTally {
    std::uint64_t datagrams = 0;  // sent
    std::uint64_t bytes = 0;      // their payload
    std::uint64_t oversize = 0;   // longer than the path's family can carry
    std::uint64_t full = 0;       // the socket's send buffer was
    std::uint64_t unsent = 0;     // no route, not permitted ...
};

class UdpBatch {
public:
    UdpBatch();
    UdpBatch(const UdpBatch&) = delete;
    UdpBatch& operator=(const UdpBatch&) = delete;

    // How many datagrams were there, at most limits::kUdpBatch; 0: none. Errors are those that
    // ICMP reported of an earlier send: the next call may succeed.
    Result<std::size_t> receive(io::Socket& socket);
    // Of those received last.
    std::string_view bytes(std::size_t index) const;
    Endpoint source(std::size_t index) const;  // unmapped

    // Adds a datagram of head and payload, which must both stay until flush(); at most
    // limits::kUdpBatch. Without an address it goes to the peer of a connected socket.
    void add(const Endpoint* to, std::string_view head, std::string_view payload);
    // The same, the head being copied.
    void add_with_head(const Endpoint* to, std::string_view head, std::string_view payload);
    void flush(io::Socket& socket, UdpTally& tally);

private:
    static constexpr std::size_t kHeadBytes = 24;

    struct Outgoing {
        std::array<iovec, 2> parts;
        sockaddr_storage address;
        std::array<char, kHeadBytes> head;
    };

    std::unique_ptr<char[]> buffer_;
    std::array<mmsghdr, limits::kUdpBatch> received_{};
    std::array<iovec, limits::kUdpBatch> slots_{};
    std::array<sockaddr_storage, limits::kUdpBatch> sources_{};
    std::array<mmsghdr, limits::kUdpBatch> outgoing_{};
    std::array<Outgoing, limits::kUdpBatch> messages_;
    std::size_t pending_ = 0;
};

}  // namespace neosocksd::net
