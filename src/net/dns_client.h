// Asks name servers through c-ares, on a loop.
//
// c-ares keeps the protocol, its sockets' logic and retries; the sockets themselves are made,
// waited for and closed here, so that the engine knows about each. It is given names only:
// literals, the hosts file and caching are the resolver's.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/task.h"
#include "net/resolver_drain.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace neosocksd::net {

struct DnsOptions {
    int family = AF_UNSPEC;
    // "ip[:port],[v6]:port,..."; empty: the system's.
    std::string nameservers{};
    // Of the first try; each further one waits twice as long.
    std::chrono::milliseconds timeout{2000};
    int tries = 3;
};

// Whether this is a list of name servers as above; the empty one is.
bool is_nameserver_list(std::string_view list);

struct DnsAnswer {
    // In the order of the answer, as many as it holds. Errors: ENOENT (no such name, or no address
    // of the family), ETIMEDOUT, EREMOTEIO (the servers fail or refuse), ECANCELED, ENOMEM.
    Result<std::vector<IpAddress>> addresses;
    std::chrono::seconds ttl{0};  // the least of all records
};

class DnsClient {
public:
    using Handler = std::move_only_function<void(DnsAnswer)>;

    // Throws std::runtime_error if c-ares does not start. A bad list of name servers is logged and
    // the system's are used.
    DnsClient(io::Loop& loop, const DnsOptions& options);
    ~DnsClient();
    DnsClient(const DnsClient&) = delete;
    DnsClient& operator=(const DnsClient&) = delete;

    // `handler` runs once, possibly before this returns. It must not destroy the client.
    void query(const std::string& name, Handler handler);

    // Ends all queries with ECANCELED and closes the sockets. To be awaited before the end.
    io::Task<void> stop();

private:
    class Watch;
    struct Query;
    struct SocketCalls;
    struct Tick : io::Timer {
        explicit Tick(DnsClient& c) : Timer(&DnsClient::tick), client(c) {}
        DnsClient& client;
    };

    static void tick(io::Timer& timer);
    static void answered(void* query, int status, int timeouts, ares_addrinfo* found);
    static void state_changed(void* client, int fd, int readable, int writable);
    void set_nameservers(const std::string& list);
    void process(int read_fd, int write_fd);
    void keep_time();
    Watch* watch_of(int fd);
    void retire(Watch& watch);

    io::Loop& loop_;
    int family_;
    ares_channeldata* channel_ = nullptr;
    std::vector<std::unique_ptr<Watch>> watches_;
    std::size_t queries_ = 0;
    Tick tick_{*this};
    Drain drain_{loop_};
};

}  // namespace neosocksd::net
