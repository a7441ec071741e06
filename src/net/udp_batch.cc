// Tested by udp_batch_test.cc.

#include "net/udp_batch.h"

#include <cassert>
#include <cerrno>
#include <cstring>

namespace neosocksd::net {
namespace {

// The kernel reads what iovec points to, and does not write.
iovec part_of(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace

// Left uninitialized: the pages that no datagram reaches are never touched.
UdpBatch::UdpBatch()
    : buffer_(std::make_unique_for_overwrite<char[]>(limits::kUdpBatch * limits::kUdpReadBytes)) {}

Result<std::size_t> UdpBatch::receive(io::Socket& socket) {
    for (std::size_t i = 0; i < limits::kUdpBatch; i++) {
        slots_[i] = {buffer_.get() + i * limits::kUdpReadBytes, limits::kUdpReadBytes};
        received_[i] = {};
        received_[i].msg_hdr.msg_name = &sources_[i];
        received_[i].msg_hdr.msg_namelen = sizeof sources_[i];
        received_[i].msg_hdr.msg_iov = &slots_[i];
        received_[i].msg_hdr.msg_iovlen = 1;
    }
    int count;
    do {
        count = ::recvmmsg(socket.fd(), received_.data(), limits::kUdpBatch, MSG_DONTWAIT, nullptr);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && errno != EAGAIN) return system_failure("recvmmsg");
    if (count < static_cast<int>(limits::kUdpBatch)) socket.found_empty();
    return static_cast<std::size_t>(count < 0 ? 0 : count);
}

std::string_view UdpBatch::bytes(std::size_t index) const {
    return {static_cast<const char*>(slots_[index].iov_base), received_[index].msg_len};
}

Endpoint UdpBatch::source(std::size_t index) const {
    const auto source =
        Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&sources_[index]));
    if (!source) return {};
    return {source->ip.unmapped(), source->port};
}

void UdpBatch::add(const Endpoint* to, std::string_view head, std::string_view payload) {
    assert(pending_ < limits::kUdpBatch);
    Outgoing& message = messages_[pending_];
    message.parts = {part_of(head), part_of(payload)};
    msghdr& header = outgoing_[pending_++].msg_hdr;
    header = {};
    header.msg_iov = message.parts.data();
    header.msg_iovlen = message.parts.size();
    if (!to) return;
    header.msg_name = &message.address;
    header.msg_namelen = to->to_sockaddr(message.address);
}

void UdpBatch::add_with_head(const Endpoint* to, std::string_view head, std::string_view payload) {
    assert(pending_ < limits::kUdpBatch && head.size() <= kHeadBytes);
    auto& copy = messages_[pending_].head;
    std::memcpy(copy.data(), head.data(), head.size());
    add(to, {copy.data(), head.size()}, payload);
}

void UdpBatch::flush(io::Socket& socket, UdpTally& tally) {
    int refusals = 0;
    for (std::size_t next = 0; next < pending_;) {
        const int sent =
            ::sendmmsg(socket.fd(), &outgoing_[next], static_cast<unsigned>(pending_ - next),
                       MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            for (const std::size_t end = next + static_cast<std::size_t>(sent); next < end; next++)
                tally.bytes += messages_[next].parts[1].iov_len;
            tally.datagrams += static_cast<std::size_t>(sent);
            continue;
        }
        switch (errno) {
        case EINTR: continue;
        case ECONNREFUSED:
            // Told of an earlier datagram of a connected socket: this one was not tried. Only
            // once, lest a busy refuser hold us.
            if (refusals++ == 0) continue;
            tally.unsent++;
            break;
        case EAGAIN:
        case ENOBUFS: tally.full++; break;
        case EMSGSIZE: tally.oversize++; break;
        default: tally.unsent++; break;
        }
        next++;
    }
    pending_ = 0;
}

}  // namespace neosocksd::net
