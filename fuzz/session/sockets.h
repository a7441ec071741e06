// Sockets of the fuzzer's own ends, all on loopback and none of them blocking.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace neosocksd::fuzz {

// 127.A.B.C: what is connected to says who is meant.
IpAddress loopback(unsigned a, unsigned b, unsigned c);

// Below 0: not to be had.
int connect_to(const Endpoint& to, const IpAddress& from, int buffers);
// Listens on all addresses, or on one; the port is found by port_of().
int listen_on(const IpAddress& address, int backlog);
// Below 0: nobody is there.
int accept_one(int listener);
std::uint16_t port_of(int fd);

int open_datagrams();
void send_datagram(int fd, std::string_view bytes, const Endpoint& to);
std::optional<std::string> receive_datagram(int fd, Endpoint* from = nullptr);

}  // namespace neosocksd::fuzz
