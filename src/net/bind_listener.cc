// The first socket is bound without SO_REUSEPORT, so that it fails where somebody listens already;
// the option is set right after, and lets our further sockets join it. It must be set before
// listen(2), which forms the group. Tested by bind_listener_test.cc.

#include "net/bind_listener.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/number.h"
#include "io/socket.h"

namespace neosocksd::net {
namespace {

using Refused = std::unexpected<BindError>;

Refused bad_address(std::string reason) {
    return Refused(BindError{std::move(reason), true});
}

Refused bind_error(int code) {
    return Refused(BindError{fmt::format("bind error: {}", std::strerror(code)), false});
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789+- ") == std::string_view::npos;
}

std::expected<Endpoint, BindError> lookup(const std::string& host, const std::string& service) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    hints.ai_flags = AI_PASSIVE | AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    if (error == EAI_SYSTEM) return bad_address(fmt::format("resolve: {}", std::strerror(errno)));
    if (error != 0) return bad_address(fmt::format("resolve: {}", ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    // The first alone: one address, one listener.
    const auto endpoint = Endpoint::from_sockaddr(found->ai_addr);
    if (!endpoint) return bad_address("resolve: Address family not supported");
    return *endpoint;
}

std::expected<Endpoint, BindError> parse(std::string_view address) {
    std::string_view host, service;
    if (address.size() > limits::kAddressBytes || !split_host_port(address, host, service))
        return bad_address({});
    std::uint16_t port = 0;
    const bool numeric = service.empty() || is_number(service);
    if (!service.empty() && numeric) {
        const auto number = parse_whole<std::uint16_t>(service);
        if (!number)
            return bad_address(fmt::format("port is out of range (0 - 65535): `{}'", service));
        port = *number;
    }
    std::optional<IpAddress> ip = IpAddress::parse(host);
    if (host.empty() || host == "*") ip = IpAddress();
    if (ip && numeric) return Endpoint{*ip, port};
    auto found = lookup(ip ? ip->to_string() : std::string(host),
                        numeric ? std::to_string(port) : std::string(service));
    return found;
}

// What accepted sockets inherit, and what is only a tuning: none of it is worth failing for.
void tune(int fd, const BindOptions& options) {
    apply(fd, options.socket);
    if (options.fastopen) io::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, SOMAXCONN);
}

int set_transparent(int fd, bool v6) {
    const int error = io::set_option(fd, IPPROTO_IP, IP_TRANSPARENT);
    if (!v6) return error;
    return io::set_option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT);
}

}  // namespace

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : fds_(std::exchange(other.fds_, {})),
      endpoint_(other.endpoint_),
      name_(std::move(other.name_)),
      file_(std::move(other.file_)),
      unix_(other.unix_),
      shared_(other.shared_) {}

ListeningSockets& ListeningSockets::operator=(ListeningSockets&& other) noexcept {
    std::swap(fds_, other.fds_);
    std::swap(endpoint_, other.endpoint_);
    std::swap(name_, other.name_);
    std::swap(file_, other.file_);
    std::swap(unix_, other.unix_);
    std::swap(shared_, other.shared_);
    return *this;
}

ListeningSockets::~ListeningSockets() {
    for (const int fd : fds_)
        if (fd >= 0) ::close(fd);
}

int ListeningSockets::take(std::size_t index) {
    return std::exchange(fds_.at(index), -1);
}

std::expected<void, BindError> ListeningSockets::add(const BindOptions& options) {
    const bool first = fds_.empty();
    const int fd = io::open_tcp_socket(endpoint_.ip.is_v4() ? AF_INET : AF_INET6);
    if (fd < 0) return Refused(BindError{fmt::format("socket: {}", std::strerror(-fd)), false});
    fds_.push_back(fd);
    io::set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (options.reuseport || !first) {
        const int error = io::set_option(fd, SOL_SOCKET, SO_REUSEPORT);
        if (error != 0) return bind_error(-error);
    }
    if (options.transparent) {
        const int error = set_transparent(fd, endpoint_.ip.is_v6());
        if (error != 0)
            return Refused(
                BindError{fmt::format("IP_TRANSPARENT: {}", std::strerror(-error)), false});
    }
    tune(fd, options);
    sockaddr_storage storage;
    const socklen_t length = endpoint_.to_sockaddr(storage);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) return bind_error(errno);
    if (first && options.sockets > 1) {
        const int error = io::set_option(fd, SOL_SOCKET, SO_REUSEPORT);
        if (error != 0) return bind_error(-error);
    }
    if (::listen(fd, SOMAXCONN) != 0) return bind_error(errno);
    if (first) {
        const auto bound = io::local_endpoint(fd);
        if (!bound) return bind_error(bound.error().code);
        endpoint_ = *bound;
        name_ = endpoint_.to_string();
    }
    return {};
}

// A descriptor for each worker, of one socket.
std::expected<void, BindError> ListeningSockets::share(int fd, const BindOptions& options) {
    fds_.push_back(fd);
    for (int i = 1; i < options.sockets; i++) {
        const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return Refused(BindError{fmt::format("dup: {}", std::strerror(errno)), false});
        fds_.push_back(copy);
    }
    return {};
}

std::expected<void, BindError> ListeningSockets::bind_unix(std::string_view address,
                                                           const BindOptions& options) {
    std::string reason;
    const auto wanted = UnixAddress::parse(address, &reason);
    if (!wanted) return bad_address(std::move(reason));
    const auto fd = listen_unix(*wanted, file_);
    if (!fd) return Refused(BindError{fd.error(), false});
    unix_ = true;
    shared_ = options.sockets > 1;
    name_ = wanted->to_string();
    return share(*fd, options);
}

std::expected<void, BindError> ListeningSockets::inherit(std::string_view address,
                                                         const BindOptions& options) {
    InheritedSockets none;
    const auto fd = (options.inherited ? *options.inherited : none).take(address);
    if (!fd) return Refused(BindError{fd.error(), false});
    // The service manager holds it too, whatever the number of workers.
    shared_ = true;
    const auto added = share(*fd, options);
    if (!added) return added;
    if (const auto bound = io::local_endpoint(*fd)) {
        if (options.transparent && set_transparent(*fd, bound->ip.is_v6()) != 0)
            return Refused(BindError{"IP_TRANSPARENT: Operation not permitted", false});
        tune(*fd, options);
        endpoint_ = *bound;
        name_ = fmt::format("{} ({})", address, endpoint_.to_string());
    } else {
        unix_ = true;
        name_ = address;
    }
    return {};
}

std::expected<ListeningSockets, BindError> bind_listener(std::string_view address,
                                                         const BindOptions& options) {
    ListeningSockets sockets;
    if (UnixAddress::recognises(address) || InheritedSockets::recognises(address)) {
        const auto added = UnixAddress::recognises(address) ? sockets.bind_unix(address, options)
                                                            : sockets.inherit(address, options);
        if (!added) return Refused(added.error());
        return sockets;
    }
    const auto wanted = parse(address);
    if (!wanted) return Refused(wanted.error());
    sockets.endpoint_ = *wanted;
    for (int i = 0; i < options.sockets; i++) {
        const auto added = sockets.add(options);
        if (!added) return Refused(added.error());
    }
    return sockets;
}

}  // namespace neosocksd::net
