// How a relay ends: half-close, reset, a dead reader, stop() at any moment; once, and without a
// leak.

#include <array>

#include "net/relay_fixture.h"

namespace neosocksd::net {
namespace {

using RelayEndTest = RelayTest;
ON_EVERY_RELAY(RelayEndTest);

using End = Relay::End;

constexpr std::size_t kMiB = 1024 * 1024;
constexpr int kSmallBuffers = 16 * 1024;

TEST_P(RelayEndTest, flushes_what_it_holds_before_it_passes_on_the_end) {
    for (const std::size_t slice : {std::size_t{700}, std::size_t{65000}}) {
        Tunnel tunnel(context, seed, kSmallBuffers);
        tunnel.target.reading = false;
        tunnel.client.send_more(2 * kMiB, slice);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.blocked; }));
        // What the client has not got rid of yet it never sends: its end comes behind a full relay.
        tunnel.client.to_send = tunnel.client.sent;
        tunnel.client.finish();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.finished; }));
        tunnel.target.reading = true;
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.ended; }));
        EXPECT_EQ(tunnel.target.received, tunnel.client.sent);
        EXPECT_EQ(tunnel.relay.up_bytes(), tunnel.client.sent);
        tunnel.target.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        EXPECT_EQ(tunnel.relay.ends, std::vector{End::finished});
    }
    expect_no_leak();
}

std::uint32_t segments_in(int fd) {
    // tcp_info::tcpi_segs_in of the kernel; the C library's structure ends before it.
    std::array<std::uint32_t, 36> info{};
    socklen_t length = sizeof info;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.data(), &length), 0);
    return info[35];
}

// A last message and the end behind it, there at once, leave in one packet, too.
TEST_P(RelayEndTest, sends_last_bytes_and_the_end_together) {
    Tunnel tunnel(context, seed);
    tunnel.start();
    io::turn(loop);
    const auto before = segments_in(tunnel.client.peer.fd());
    tunnel.target.send_more(10);
    tunnel.target.finish();
    while (!tunnel.target.finished) tunnel.target.step();
    ASSERT_TRUE(
        drive(loop, [&] { return tunnel.client.step(); }, [&] { return tunnel.client.ended; }));
    EXPECT_EQ(tunnel.client.received, 10u);
    // splice(2) knows no "more".
    const std::uint32_t packets = GetParam().mode == RelayMode::splice ? 2 : 1;
    EXPECT_EQ(segments_in(tunnel.client.peer.fd()) - before, packets);
    tunnel.client.finish();
    ASSERT_TRUE(tunnel.drive_to_end());
}

// Enough tunnels that io_uring sends with the next submission, which comes after the stop.
TEST_P(RelayEndTest, counts_what_is_still_sent_when_it_is_stopped) {
    std::vector<std::unique_ptr<Tunnel>> tunnels;
    for (unsigned i = 0; i < 8; i++) {
        tunnels.push_back(std::make_unique<Tunnel>(context, seed + 2 * i));
        tunnels.back()->start();
    }
    io::turn(loop);
    for (const auto& tunnel : tunnels) {
        tunnel->client.send_more(100);
        while (!tunnel->client.all_sent()) tunnel->client.step();
    }
    loop.run_once(std::chrono::seconds(1));
    for (const auto& tunnel : tunnels) tunnel->relay.stop(false);
    for (const auto& tunnel : tunnels) {
        ASSERT_TRUE(tunnel->drive([&] { return tunnel->relay.ended() && tunnel->target.over(); }));
        EXPECT_EQ(tunnel->relay.up_bytes(), tunnel->target.received);
    }
    tunnels.clear();
    expect_no_leak();
}

TEST_P(RelayEndTest, passes_a_reset_of_an_idle_side_on) {
    for (const bool by_client : {true, false}) {
        Tunnel tunnel(context, seed);
        FarEnd& dying = by_client ? tunnel.client : tunnel.target;
        FarEnd& other = by_client ? tunnel.target : tunnel.client;
        dying.send_more(10);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return other.received == 10; }));
        dying.peer.reset();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() && other.over(); }));
        EXPECT_EQ(other.error, ECONNRESET);
        EXPECT_EQ(tunnel.relay.ends,
                  std::vector{by_client ? End::client_reset : End::target_reset});
        EXPECT_EQ(tunnel.relay.error(), ECONNRESET);
    }
    expect_no_leak();
}

// At each turn of a busy relay, whatever state it is in then.
TEST_P(RelayEndTest, passes_a_reset_of_a_busy_side_on) {
    for (int turns = 0; turns < 40; turns++) {
        SCOPED_TRACE(turns);
        const bool by_client = turns % 2 == 0;
        Tunnel tunnel(context, seed);
        FarEnd& dying = by_client ? tunnel.client : tunnel.target;
        FarEnd& other = by_client ? tunnel.target : tunnel.client;
        tunnel.client.send_more(8 * kMiB);
        tunnel.target.send_more(8 * kMiB);
        tunnel.start();
        for (int i = 0; i < turns; i++) {
            tunnel.step();
            loop.run_once(io::Duration::zero());
        }
        dying.peer.reset();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() && other.over(); }));
        EXPECT_EQ(other.error, ECONNRESET);
        EXPECT_EQ(tunnel.relay.ends,
                  std::vector{by_client ? End::client_reset : End::target_reset});
    }
    expect_no_leak();
}

// The side that has ended is read no more: its reset is found by a watch that begins a while later.
TEST_P(RelayEndTest, passes_a_reset_after_a_half_close_on) {
    Tunnel by_client(context, seed);
    Tunnel by_target(context, seed);
    Tunnel moved(context, seed);
    by_client.client.finish();
    by_target.target.finish();
    moved.client.finish();
    for (Tunnel* tunnel : {&by_client, &by_target, &moved}) tunnel->start();
    const auto step = [&] {
        bool any = false;
        for (Tunnel* tunnel : {&by_client, &by_target, &moved}) any |= tunnel->step();
        return any;
    };
    ASSERT_TRUE(drive(loop, step, [&] {
        return by_client.target.ended && by_target.client.ended && moved.target.ended;
    }));
    moved.relay.move_out();
    ASSERT_TRUE(drive(loop, step, [&] { return moved.relay.moved_out; }));
    moved.relay.move_in(context);
    by_client.client.peer.reset();
    by_target.target.peer.reset();
    moved.client.peer.reset();
    ASSERT_TRUE(drive(loop, step, [&] {
        return by_client.relay.ended() && by_target.relay.ended() && moved.relay.ended() &&
               by_client.target.error != 0 && by_target.client.error != 0 &&
               moved.target.error != 0;
    }));
    EXPECT_TRUE(by_client.target.was_reset());
    EXPECT_TRUE(by_target.client.was_reset());
    EXPECT_TRUE(moved.target.was_reset());
    EXPECT_EQ(by_client.relay.ends, std::vector{End::client_reset});
    EXPECT_EQ(by_target.relay.ends, std::vector{End::target_reset});
    EXPECT_EQ(moved.relay.ends, std::vector{End::client_reset});
    expect_no_leak(3);
}

TEST_P(RelayEndTest, passes_a_reset_of_the_side_still_sending_on_after_a_half_close) {
    Tunnel tunnel(context, seed);
    tunnel.client.finish();
    tunnel.start();
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.ended; }));
    tunnel.target.peer.reset();
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() && tunnel.client.over(); }));
    EXPECT_EQ(tunnel.client.error, ECONNRESET);
    EXPECT_EQ(tunnel.relay.ends, std::vector{End::target_reset});
    expect_no_leak(1);
}

TEST_P(RelayEndTest, tells_the_sender_that_its_reader_is_gone) {
    for (const bool client_sends : {true, false}) {
        for (const std::size_t slice : {std::size_t{100}, std::size_t{65000}}) {
            Tunnel tunnel(context, seed);
            FarEnd& sender = client_sends ? tunnel.client : tunnel.target;
            FarEnd& gone = client_sends ? tunnel.target : tunnel.client;
            gone.peer.close();  // an end of stream at first, then a reset for each byte
            sender.send_more(1000 * kMiB, slice);
            tunnel.start();
            ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() && sender.error != 0; }));
            EXPECT_TRUE(sender.was_reset()) << sender.error;
            EXPECT_EQ(tunnel.relay.ends,
                      std::vector{client_sends ? End::target_reset : End::client_reset});
        }
    }
    expect_no_leak();
}

TEST_P(RelayEndTest, notices_the_death_of_a_reader_that_blocks_it) {
    for (const std::size_t slice : {std::size_t{700}, std::size_t{65000}}) {
        Tunnel tunnel(context, seed, kSmallBuffers);
        tunnel.target.reading = false;
        tunnel.client.send_more(1000 * kMiB, slice);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.blocked; }));
        tunnel.target.peer.reset();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() && tunnel.client.over(); }));
        EXPECT_EQ(tunnel.client.error, ECONNRESET);
        EXPECT_EQ(tunnel.relay.ends, std::vector{End::target_reset});
    }
    expect_no_leak();
}

class Stop {
public:
    explicit Stop(RelayContext& context) : context_(context) {}

    void expect_stop(Tunnel& tunnel) {
        ASSERT_FALSE(tunnel.relay.ended());
        reset_ = !reset_;
        tunnel.relay.stop(reset_);
        ASSERT_TRUE(io::run_until(context_.loop, [&] { return tunnel.relay.ended(); }));
        io::turn(context_.loop);
        EXPECT_EQ(tunnel.relay.ends, std::vector{End::stopped});
        tunnel.client.reading = tunnel.target.reading = true;
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.over() && tunnel.target.over(); }));
        if (!reset_) return;
        EXPECT_TRUE(tunnel.client.error == ECONNRESET || tunnel.client.ended);
        EXPECT_EQ(tunnel.target.error, ECONNRESET);
    }

private:
    RelayContext& context_;
    bool reset_ = false;
};

TEST_P(RelayEndTest, stops_when_idle) {
    Stop stop(context);
    for (int i = 0; i < 2; i++) {
        Tunnel tunnel(context, seed);
        tunnel.client.send_more(3);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == 3; }));
        stop.expect_stop(tunnel);
    }
    expect_no_leak();
}

TEST_P(RelayEndTest, stops_at_any_turn_of_its_life) {
    Stop stop(context);
    for (const std::size_t slice : {std::size_t{1000}, std::size_t{65000}}) {
        for (int turns = 0; turns < 40; turns++) {
            SCOPED_TRACE(turns);
            Tunnel tunnel(context, seed);
            tunnel.client.send_more(8 * kMiB, slice);
            tunnel.target.send_more(8 * kMiB, slice);
            tunnel.start();
            for (int i = 0; i < turns; i++) {
                tunnel.step();
                loop.run_once(io::Duration::zero());
            }
            stop.expect_stop(tunnel);
        }
    }
    expect_no_leak();
}

TEST_P(RelayEndTest, stops_while_a_slow_reader_blocks_it) {
    Stop stop(context);
    for (const std::size_t slice : {std::size_t{700}, std::size_t{65000}}) {
        for (const bool finished : {false, true}) {
            Tunnel tunnel(context, seed, kSmallBuffers);
            tunnel.client.reading = tunnel.target.reading = false;
            tunnel.client.send_more(100 * kMiB, slice);
            tunnel.target.send_more(100 * kMiB, slice);
            tunnel.start();
            ASSERT_TRUE(
                tunnel.drive([&] { return tunnel.client.blocked && tunnel.target.blocked; }));
            if (finished) {
                tunnel.client.to_send = tunnel.client.sent;
                tunnel.client.finish();
                ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.finished; }));
            }
            stop.expect_stop(tunnel);
        }
    }
    expect_no_leak();
}

TEST_P(RelayEndTest, stops_when_half_closed) {
    Stop stop(context);
    for (const bool client_first : {true, false}) {
        Tunnel tunnel(context, seed);
        FarEnd& first = client_first ? tunnel.client : tunnel.target;
        FarEnd& second = client_first ? tunnel.target : tunnel.client;
        first.finish();
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return second.ended; }));
        ASSERT_FALSE(tunnel.relay.ended());
        tunnel.relay.stop(true);
        ASSERT_TRUE(io::run_until(loop, [&] { return tunnel.relay.ended(); }));
        EXPECT_EQ(tunnel.relay.ends, std::vector{End::stopped});
        ASSERT_TRUE(tunnel.drive([&] { return first.over(); }));
        EXPECT_EQ(first.error, ECONNRESET);
    }
    expect_no_leak();
}

TEST_P(RelayEndTest, ends_inside_its_start) {
    // The first flow finds a reset at once; the second has not been started yet.
    for (int i = 0; i < 2; i++) {
        Tunnel tunnel(context, seed);
        (i == 0 ? tunnel.target : tunnel.client).peer.reset();
        tunnel.client.expect_first("reply");
        tunnel.start(tunnel.client.send_early(5), "reply", 5);
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended(); }));
        EXPECT_EQ(tunnel.relay.ends, std::vector{i == 0 ? End::target_reset : End::client_reset});
    }
    expect_no_leak();
}

}  // namespace
}  // namespace neosocksd::net
