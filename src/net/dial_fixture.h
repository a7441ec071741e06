// What the tests of connector and dialer share: a task that is run, and addresses that answer,
// refuse, or keep silent.

#pragma once

#include <optional>
#include <string>

#include "io/engine_fixture.h"
#include "io/task_group.h"
#include "net/descriptors_fixture.h"
#include "net/egress_policy.h"

namespace neosocksd::net {

// A task in a group of its own, and its result.
template <typename T>
class Started {
public:
    explicit Started(io::Loop& loop) : loop_(loop) {}
    ~Started() {
        group_.cancel();
        EXPECT_TRUE(io::run_until(loop_, [&] { return group_.empty(); }));
    }
    void start(io::Task<T> task) { group_.spawn(keep(std::move(task), result_)); }
    void cancel(int reason) { group_.cancel(reason); }
    bool done() const { return group_.empty(); }
    T& wait() {
        EXPECT_TRUE(io::run_until(loop_, [&] { return done(); }));
        return *result_;
    }

private:
    static io::Task<void> keep(io::Task<T> task, std::optional<T>& result) {
        result.emplace(co_await std::move(task));
    }

    io::Loop& loop_;
    std::optional<T> result_;
    io::TaskGroup group_;
};

// Bound, but not listening: connections are refused, and nobody else gets the port.
class RefusingPort {
public:
    RefusingPort() : fd_(io::open_tcp_socket(AF_INET)) {
        sockaddr_storage storage;
        const socklen_t length = Endpoint{*IpAddress::parse("127.0.0.1"), 0}.to_sockaddr(storage);
        if (::bind(fd_.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0) std::abort();
    }
    Endpoint endpoint() const { return *io::local_endpoint(fd_.fd()); }

private:
    io::Peer fd_;
};

// Its queue is full: further connections hang.
class SilentPort {
public:
    SilentPort() : listener_(0), filler_(listener_.connect()) {}
    const Endpoint& endpoint() const { return listener_.endpoint(); }

private:
    io::Listener listener_;
    io::Peer filler_;
};

inline VettedEndpoint vetted(const Endpoint& endpoint) {
    const EgressPolicy policy(BlockSet{.multicast = false});
    return *policy.vet(endpoint, Origin::client);
}

}  // namespace neosocksd::net
