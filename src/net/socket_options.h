// Options of TCP sockets that the operator may choose, for both sides: listening sockets, from
// which accepted ones inherit at no cost, and outgoing ones, for which each is a system call.

#pragma once

namespace neosocksd::net {

struct SocketOptions {
    int sndbuf_bytes = 0;  // 0: the kernel tunes it
    int rcvbuf_bytes = 0;
    // Idle time before the first probe; 0: no probes. The kernel's two hours outlive the memory of
    // every NAT and firewall on the way. Interval and count of the further probes are the system's
    // (net.ipv4.tcp_keepalive_intvl and _probes: a dead peer is given up 11 minutes later), which
    // spares two more calls a connection.
    int keepalive_seconds = 120;
    // Small messages leave at once. A proxy that waits for more delays what its peers did not.
    bool nodelay = true;

    friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

// Must precede listen(2) or connect(2): the receive buffer decides the window scale that the
// handshake offers. All of it is tuning, none of it may fail.
void apply(int fd, const SocketOptions& options);

// What the kernel makes of a wish for a buffer, net.core.wmem_max and rmem_max being the limits.
// Both are the bytes that were asked for if it grants them.
struct GrantedBuffers {
    int sndbuf_bytes = 0;
    int rcvbuf_bytes = 0;
};
GrantedBuffers granted_buffers(const SocketOptions& options);

}  // namespace neosocksd::net
