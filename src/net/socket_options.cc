// Tested by socket_options_test.cc.

#include "net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/socket.h"

namespace neosocksd::net {
namespace {

// The kernel doubles what it is asked for, as room for its own bookkeeping, and reports that.
int granted(int fd, int name, int wanted) {
    if (wanted == 0) return 0;
    int value = 0;
    socklen_t length = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &length) != 0) return wanted;
    return value / 2 < wanted ? value / 2 : wanted;
}

}  // namespace

void apply(int fd, const SocketOptions& options) {
    if (options.nodelay) io::set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (options.keepalive_seconds > 0) {
        io::set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
        io::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_seconds);
    }
    if (options.sndbuf_bytes > 0) io::set_option(fd, SOL_SOCKET, SO_SNDBUF, options.sndbuf_bytes);
    if (options.rcvbuf_bytes > 0) io::set_option(fd, SOL_SOCKET, SO_RCVBUF, options.rcvbuf_bytes);
}

GrantedBuffers granted_buffers(const SocketOptions& options) {
    const int fd = io::open_tcp_socket(AF_INET);
    if (fd < 0) return {options.sndbuf_bytes, options.rcvbuf_bytes};
    apply(fd, options);
    const GrantedBuffers result{granted(fd, SO_SNDBUF, options.sndbuf_bytes),
                                granted(fd, SO_RCVBUF, options.rcvbuf_bytes)};
    ::close(fd);
    return result;
}

}  // namespace neosocksd::net
