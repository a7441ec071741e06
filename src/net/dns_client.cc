// c-ares asks for its sockets through a table of functions and tells which it wants to read or
// write. Ours answer at once and note EAGAIN on the Socket, which is all that an edge-triggered
// engine needs: while c-ares stops reading earlier, the next wait ends immediately.
//
// c-ares finds the query next due by looking at all of them, so we do not ask it: a steady tick
// while queries run makes it look at those that are due.
// Tested by resolver_test.cc.

#include "net/dns_client.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>

#include <ares.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

namespace neosocksd::net {
namespace {

constexpr const char* kOperation = "resolve";
constexpr std::chrono::milliseconds kTick{100};

void initialize_library() {
    static const int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS) throw std::runtime_error(ares_strerror(status));
}

int error_of(int status) {
    switch (status) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME: return ENOENT;
    case ARES_ETIMEOUT: return ETIMEDOUT;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION: return ECANCELED;
    case ARES_ENOMEM: return ENOMEM;
    default: return EREMOTEIO;
    }
}

// A server may add addresses of the family that nobody asked for, and c-ares takes them.
DnsAnswer answer_of(const ares_addrinfo& found, int family) {
    std::vector<IpAddress> addresses;
    int ttl = std::numeric_limits<int>::max();
    for (const auto* node = found.nodes; node; node = node->ai_next) {
        if (family != AF_UNSPEC && node->ai_family != family) continue;
        if (const auto endpoint = Endpoint::from_sockaddr(node->ai_addr))
            addresses.push_back(endpoint->ip);
        ttl = std::min(ttl, node->ai_ttl);
    }
    for (const auto* alias = found.cnames; alias; alias = alias->next)
        ttl = std::min(ttl, alias->ttl);
    if (addresses.empty()) return {failure(ENOENT, kOperation)};
    return {std::move(addresses), std::chrono::seconds(std::max(ttl, 0))};
}

}  // namespace

// c-ares takes port 99999 for 34463 and 1.2.3 for an address; a typing error is better said.
bool is_nameserver_list(std::string_view list) {
    if (list.empty()) return true;
    for (;;) {
        const auto comma = list.find(',');
        const std::string_view item = list.substr(0, comma);
        std::string_view host, port;
        if (!IpAddress::parse(item)) {  // "::1:53" is an address, not one with a port
            if (!split_host_port(item, host, port) || !IpAddress::parse(host)) return false;
            if (!parse_whole<std::uint16_t>(port)) return false;
        }
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
}

// A socket of c-ares. It outlives the close by c-ares until no operation is pending.
class DnsClient::Watch {
public:
    Watch(DnsClient& client, int fd) : client_(client) { socket_.adopt(fd); }

    int fd() const { return socket_.fd(); }
    bool closing() const { return closing_; }
    io::Socket& socket() { return socket_; }

    void found_empty() {
        socket_.found_empty();
        // An error that was reported once counts as readable for ever; if a send has fetched it, no
        // read will end that. Attaching anew asks for the present state.
        if (socket_.hung_up() && !ops_[kIn].pending() && !ops_[kOut].pending())
            client_.loop_.engine().detach(socket_);
    }

    void want(bool readable, bool writable) {
        want_[kIn] = readable;
        want_[kOut] = writable;
        start(kIn);
        start(kOut);
    }

    void close() {
        closing_ = true;
        for (PollOp& op : ops_)
            if (op.pending()) client_.loop_.engine().cancel(op);
        retire_if_done();
    }

private:
    enum Direction : std::size_t { kIn, kOut };
    struct PollOp : io::Op {
        PollOp(Watch& w, Direction d) : Op(&Watch::ready), watch(w), direction(d) {}
        Watch& watch;
        Direction direction;
    };

    static void ready(io::Op& op, int result) {
        Watch& self = static_cast<PollOp&>(op).watch;
        const Direction direction = static_cast<PollOp&>(op).direction;
        if (self.closing_) {
            self.retire_if_done();
            return;
        }
        if (result < 0) LOG_DEBUG("poll of a DNS socket: {}", std::strerror(-result));
        if (!self.want_[direction]) return;
        const int fd = self.fd();
        self.in_process_ = true;
        self.client_.process(direction == kIn ? fd : ARES_SOCKET_BAD,
                             direction == kOut ? fd : ARES_SOCKET_BAD);
        self.in_process_ = false;
        self.start(kIn);
        self.start(kOut);
        self.retire_if_done();
    }

    void start(Direction direction) {
        PollOp& op = ops_[direction];
        if (closing_ || !want_[direction] || op.pending()) return;
        const auto readiness = direction == kIn ? io::Readiness::readable : io::Readiness::writable;
        const int result = client_.loop_.engine().poll(socket_, readiness, op);
        if (result != io::kPending) client_.loop_.defer(op, result);
    }

    // The last statement of its callers: the watch may be gone.
    void retire_if_done() {
        if (closing_ && !in_process_ && !ops_[kIn].pending() && !ops_[kOut].pending())
            client_.retire(*this);
    }

    DnsClient& client_;
    io::Socket socket_;
    PollOp ops_[2] = {{*this, kIn}, {*this, kOut}};
    bool want_[2] = {false, false};
    bool closing_ = false;
    bool in_process_ = false;  // our own handler is still to return
};

struct DnsClient::Query {
    DnsClient& client;
    Handler handler;
};

struct DnsClient::SocketCalls {
    static ares_socket_t open(int family, int type, int protocol, void* self) {
        const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (fd < 0) return ARES_SOCKET_BAD;
        auto& client = *static_cast<DnsClient*>(self);
        client.watches_.push_back(std::make_unique<Watch>(client, fd));
        return fd;
    }
    static int close(ares_socket_t fd, void* self) {
        static_cast<DnsClient*>(self)->watch_of(fd)->close();
        return 0;
    }
    static int connect(ares_socket_t fd, const sockaddr* address, ares_socklen_t length, void*) {
        return ::connect(fd, address, length);
    }
    static ares_ssize_t receive(ares_socket_t fd, void* data, size_t size, int flags,
                                sockaddr* from, ares_socklen_t* length, void* self) {
        const ssize_t got = ::recvfrom(fd, data, size, flags, from, length);
        if (got < 0 && errno == EAGAIN) {
            static_cast<DnsClient*>(self)->watch_of(fd)->found_empty();
            errno = EAGAIN;
        }
        return got;
    }
    static ares_ssize_t send(ares_socket_t fd, const iovec* parts, int count, void* self) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<std::size_t>(count);
        const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            static_cast<DnsClient*>(self)->watch_of(fd)->socket().found_full();
            errno = EAGAIN;
        }
        return sent;
    }
};

DnsClient::DnsClient(io::Loop& loop, const DnsOptions& options)
    : loop_(loop), family_(options.family) {
    initialize_library();
    ares_options settings{};
    // No aliases from the environment: what a name means is for DNS and the hosts file to say.
    settings.flags = ARES_FLAG_NOALIASES;
    settings.timeout = static_cast<int>(options.timeout.count());
    settings.tries = options.tries;
    char lookups[] = "b";  // name servers only
    settings.lookups = lookups;
    settings.sock_state_cb = &DnsClient::state_changed;
    settings.sock_state_cb_data = this;
    const int status =
        ares_init_options(&channel_, &settings,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                              ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE);
    if (status != ARES_SUCCESS)
        throw std::runtime_error(fmt::format("c-ares: {}", ares_strerror(status)));
    static const ares_socket_functions calls = {&SocketCalls::open, &SocketCalls::close,
                                                &SocketCalls::connect, &SocketCalls::receive,
                                                &SocketCalls::send};
    ares_set_socket_functions(channel_, &calls, this);
    if (!options.nameservers.empty()) set_nameservers(options.nameservers);
}

DnsClient::~DnsClient() {
    // Without a stop() there may be none, or their operations would outlive us.
    assert(watches_.empty());
    if (channel_) ares_destroy(channel_);
    assert(queries_ == 0);
}

void DnsClient::set_nameservers(const std::string& list) {
    const int status = is_nameserver_list(list) ? ares_set_servers_ports_csv(channel_, list.c_str())
                                                : int{ARES_EBADSTR};
    if (status != ARES_SUCCESS)
        LOG_ERROR("failed to set nameserver `{}': {}", list, ares_strerror(status));
}

void DnsClient::query(const std::string& name, Handler handler) {
    if (!channel_) {
        handler({failure(ECANCELED, kOperation)});
        return;
    }
    auto query = std::make_unique<Query>(*this, std::move(handler));
    ares_addrinfo_hints hints{};
    hints.ai_family = family_;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NOSORT;
    queries_++;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &DnsClient::answered,
                     query.release());
    keep_time();
}

void DnsClient::answered(void* argument, int status, int, ares_addrinfo* found) {
    const std::unique_ptr<Query> query(static_cast<Query*>(argument));
    assert(query->client.queries_ > 0);
    query->client.queries_--;
    DnsAnswer answer{failure(error_of(status), kOperation)};
    if (status == ARES_SUCCESS && found) answer = answer_of(*found, query->client.family_);
    if (found) ares_freeaddrinfo(found);
    query->handler(std::move(answer));
}

void DnsClient::state_changed(void* self, int fd, int readable, int writable) {
    Watch* watch = static_cast<DnsClient*>(self)->watch_of(fd);
    if (watch) watch->want(readable != 0, writable != 0);
}

void DnsClient::process(int read_fd, int write_fd) {
    ares_process_fd(channel_, read_fd, write_fd);
    keep_time();
}

void DnsClient::keep_time() {
    if (queries_ == 0)
        loop_.stop_timer(tick_);
    else if (!tick_.active())
        loop_.start_timer(tick_, kTick);
}

void DnsClient::tick(io::Timer& timer) {
    static_cast<Tick&>(timer).client.process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

DnsClient::Watch* DnsClient::watch_of(int fd) {
    for (const auto& watch : watches_)
        if (watch->fd() == fd) return watch.get();
    return nullptr;
}

void DnsClient::retire(Watch& watch) {
    loop_.engine().close(watch.socket());
    std::erase_if(watches_, [&](const auto& other) { return other.get() == &watch; });
    if (watches_.empty()) drain_.report();
}

io::Task<void> DnsClient::stop() {
    if (channel_) ares_destroy(std::exchange(channel_, nullptr));
    loop_.stop_timer(tick_);
    if (!watches_.empty()) co_await drain_.wait();
}

}  // namespace neosocksd::net
