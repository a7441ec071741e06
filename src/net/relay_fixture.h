// What the tests of the relay share: a relay that records what became of it, and a tunnel made of
// it and two far ends.
//
//   using RelayThingTest = RelayTest;
//   TEST_P(RelayThingTest, does_it) { Tunnel tunnel(context, seed); tunnel.start(); ... }
//   ON_EVERY_RELAY(RelayThingTest);
//
// Each test runs on both engines in all three modes. Nothing sleeps: the loop and the far ends
// turn until what is waited for has happened, and a deadline only bounds a failure.

#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <random>
#include <span>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "io/engine_fixture.h"
#include "net/descriptors_fixture.h"
#include "net/far_end_fixture.h"
#include "net/relay.h"

namespace neosocksd::net {

struct RelayCase {
    io::EngineChoice engine;
    RelayMode mode;
};

inline std::vector<RelayCase> relay_cases() {
    std::vector<RelayCase> cases;
    for (const io::EngineChoice engine : io::engines_under_test())
        for (const RelayMode mode : {RelayMode::adaptive, RelayMode::splice, RelayMode::copy})
            cases.push_back({engine, mode});
    return cases;
}

inline std::string relay_case_name(const ::testing::TestParamInfo<RelayCase>& info) {
    static constexpr const char* kModes[] = {"adaptive", "splice", "copy"};
    const bool epoll = info.param.engine == io::EngineChoice::epoll;
    return std::string(epoll ? "epoll_" : "uring_") +
           kModes[static_cast<std::size_t>(info.param.mode)];
}

#define ON_EVERY_RELAY(SUITE)                                                               \
    INSTANTIATE_TEST_SUITE_P(, SUITE, ::testing::ValuesIn(::neosocksd::net::relay_cases()), \
                             ::neosocksd::net::relay_case_name)

class TestRelay : public Relay {
public:
    std::vector<End> ends;
    int bulk_spells = 0;
    int both_spoke = 0;
    bool moved_out = false;
    bool move_when_bulk = false;
    RelayContext* lighter = nullptr;  // goes there when it is bulk and others here are, too

    bool ended() const { return !ends.empty(); }
    bool in_a_loop() { return context() != nullptr; }

protected:
    void on_end(End end) override { ends.push_back(end); }
    void on_both_spoke() override { both_spoke++; }
    bool on_bulk() override {
        bulk_spells++;
        if (lighter && lighter->bulk_relays.load() < context()->bulk_relays.load() - 1) {
            move_out(lighter);
            return true;
        }
        if (!move_when_bulk) return false;
        move_when_bulk = false;
        move_out();
        return true;
    }
    void on_moved_out() override { moved_out = true; }
};

class Tunnel {
public:
    // `buffers`: of all four sockets; 0 leaves them to the kernel.
    Tunnel(RelayContext& context, unsigned seed, int buffers = 0)
        : Tunnel(context, seed, buffers, io::tcp_pair(), io::tcp_pair()) {}
    Tunnel(RelayContext& where, unsigned seed, int buffers, io::Pair left, io::Pair right)
        : client(left.far.release(), seed, seed + 1),
          target(right.far.release(), seed + 1, seed),
          context(&where) {
        for (const int fd : {left.near, right.near, client.peer.fd(), target.peer.fd()})
            if (buffers > 0) set_buffers(fd, buffers);
        relay.client().adopt(left.near);
        relay.target().adopt(right.near);
        io::set_option(left.near, IPPROTO_TCP, TCP_NODELAY);
        io::set_option(right.near, IPPROTO_TCP, TCP_NODELAY);
    }
    ~Tunnel() {
        if (!relay.in_a_loop()) {
            ::close(relay.client().release());
            ::close(relay.target().release());
        } else if (!relay.ended()) {
            relay.stop(false);
            EXPECT_TRUE(io::run_until(context->loop, [&] { return relay.ended(); }));
        }
    }

    void start(std::string to_target = {}, std::string to_client = {}, std::size_t reply = 0,
               std::size_t header = 0) {
        relay.start(*context, std::move(to_target), std::move(to_client), reply, header);
    }
    bool step() {
        const bool moved = client.step();
        return target.step() || moved;
    }
    // Turns loop and far ends until `done`.
    template <typename Done>
    bool drive(Done done);
    bool drive_to_end() {
        return drive([&] { return relay.ended() && client.over() && target.over(); });
    }

    TestRelay relay;
    FarEnd client;
    FarEnd target;
    RelayContext* context;  // where the relay is now
};

// Turns the loop, and whatever `step` drives, until `done`; false if that never happens.
template <typename Step, typename Done>
bool drive(io::Loop& loop, Step step, Done done) {
    const auto bound = io::Clock::now() + io::kFailureBound;
    while (!done()) {
        if (io::Clock::now() > bound) return false;
        const bool moved = step();
        loop.run_once(moved ? io::Duration::zero() : std::chrono::milliseconds(1));
    }
    return true;
}

template <typename Done>
bool Tunnel::drive(Done done) {
    return net::drive(context->loop, [&] { return step(); }, done);
}

class RelayTest : public ::testing::TestWithParam<RelayCase> {
protected:
    // As in the program: splice(2) knows no MSG_NOSIGNAL.
    RelayTest() { std::signal(SIGPIPE, SIG_IGN); }

    bool copies() const { return GetParam().mode == RelayMode::copy; }
    // Of what the test has opened since it began, nothing is left but pooled pipes and `far_ends`.
    void expect_no_leak(std::size_t far_ends = 0) {
        io::turn(loop);  // io_uring closes with the next submission
        EXPECT_EQ(open_descriptors(), descriptors + 2 * context.pipes.pooled() + far_ends);
        EXPECT_EQ(context.pipes.lent(), 0u);
        EXPECT_EQ(context.bulk_relays.load(), 0);
    }

    io::Loop loop{GetParam().engine};
    RelayContext context{loop, GetParam().mode, 16};
    const std::size_t descriptors = open_descriptors();
    const unsigned seed = io::test_seed();
};

}  // namespace neosocksd::net
