// What a relay costs: pipes only while bytes are on their way, bounded memory for a slow reader,
// and a fair share of the loop.

#include <algorithm>

#include "net/relay_fixture.h"

namespace neosocksd::net {
namespace {

using RelayBulkTest = RelayTest;
ON_EVERY_RELAY(RelayBulkTest);

constexpr std::size_t kMiB = 1024 * 1024;

void send_in_bulk(Tunnel& tunnel, std::size_t bytes) {
    tunnel.client.even_slices = tunnel.target.even_slices = true;
    tunnel.client.send_more(bytes);
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == tunnel.client.to_send; }));
}

TEST_P(RelayBulkTest, borrows_a_pipe_only_while_bytes_are_on_their_way) {
    Tunnel tunnel(context, seed);
    tunnel.start();
    send_in_bulk(tunnel, 8 * kMiB);
    io::turn(loop);
    EXPECT_TRUE(tunnel.relay.bulk());
    EXPECT_EQ(tunnel.relay.bulk_spells, 1);
    EXPECT_EQ(context.bulk_relays.load(), 1);
    EXPECT_EQ(context.pipes.lent(), 0u);
    EXPECT_EQ(context.pipes.pooled(), copies() ? 0u : 1u);
}

TEST_P(RelayBulkTest, turns_back_when_messages_are_small_again) {
    Tunnel tunnel(context, seed);
    tunnel.start();
    for (int spell = 1; spell <= 3; spell++) {
        send_in_bulk(tunnel, 8 * kMiB);
        EXPECT_TRUE(tunnel.relay.bulk());
        EXPECT_EQ(tunnel.relay.bulk_spells, spell);
        for (int i = 0; i < 10; i++) send_in_bulk(tunnel, 1);
        EXPECT_FALSE(tunnel.relay.bulk());
        EXPECT_EQ(context.bulk_relays.load(), 0);
    }
    EXPECT_EQ(context.pipes.lent(), 0u);
}

// Turns cut short because there is always more are large turns, too.
TEST_P(RelayBulkTest, stays_bulk_when_bursts_are_larger_than_a_turn) {
    Tunnel tunnel(context, seed, 8 * 1024 * 1024);
    tunnel.client.even_slices = true;
    tunnel.start();
    for (int i = 0; i < 12; i++) {
        tunnel.client.send_more(limits::kRelayTurnBytes + 8 * 1024);
        while (!tunnel.client.blocked && !tunnel.client.all_sent()) tunnel.client.step();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == tunnel.client.to_send; }));
    }
    EXPECT_TRUE(tunnel.relay.bulk());
    EXPECT_EQ(tunnel.relay.bulk_spells, 1);
}

TEST_P(RelayBulkTest, counts_a_relay_that_is_bulk_both_ways_once) {
    Tunnel tunnel(context, seed);
    tunnel.client.even_slices = tunnel.target.even_slices = true;
    tunnel.client.send_more(8 * kMiB);
    tunnel.target.send_more(8 * kMiB);
    tunnel.start();
    ASSERT_TRUE(tunnel.drive([&] {
        EXPECT_LE(context.bulk_relays.load(), 1);
        return tunnel.client.received == 8 * kMiB && tunnel.target.received == 8 * kMiB;
    }));
    EXPECT_EQ(context.bulk_relays.load(), 1);
    tunnel.client.finish();
    tunnel.target.finish();
    ASSERT_TRUE(tunnel.drive_to_end());
    expect_no_leak(2);
}

TEST_P(RelayBulkTest, holds_little_for_a_slow_reader_and_then_all_arrives) {
    for (const std::size_t slice : {std::size_t{900}, std::size_t{65000}}) {
        SCOPED_TRACE(slice);
        Tunnel tunnel(context, seed, 32 * 1024);
        const auto room = [](int fd) {
            return buffer_size(fd, SO_SNDBUF) + buffer_size(fd, SO_RCVBUF);
        };
        const std::size_t bound =
            buffer_size(tunnel.client.peer.fd(), SO_SNDBUF) + room(tunnel.relay.client().fd()) +
            room(tunnel.relay.target().fd()) + buffer_size(tunnel.target.peer.fd(), SO_RCVBUF) +
            std::max(limits::kRelayPendingBytes, limits::kLargePipeBytes);
        tunnel.target.reading = false;
        tunnel.client.send_more(8 * kMiB, slice);
        tunnel.start();
        // Blocked for good, not for the turn: refused many times in a row.
        int refused = 0;
        ASSERT_TRUE(drive(
            loop,
            [&] {
                tunnel.step();
                refused = tunnel.client.blocked ? refused + 1 : 0;
                return true;
            },
            [&] { return refused == 1000; }));
        EXPECT_LE(tunnel.client.sent, bound);
        tunnel.target.reading = true;
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == 8 * kMiB; }));
        EXPECT_EQ(tunnel.relay.up_bytes(), 8 * kMiB);
        io::turn(loop);
        EXPECT_EQ(context.pipes.lent(), 0u);
    }
}

TEST_P(RelayBulkTest, a_slow_reader_does_not_hold_up_the_other_way) {
    // Not over TCP: there, a receiver with a full buffer drops segments that carry nothing but an
    // acknowledgement, which can stall the other direction in the kernel.
    Tunnel tunnel(context, seed, 32 * 1024, io::unix_pair(), io::unix_pair());
    tunnel.target.reading = false;
    tunnel.client.send_more(8 * kMiB);
    tunnel.target.send_more(8 * kMiB);
    tunnel.start();
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.received == 8 * kMiB; }));
    EXPECT_EQ(tunnel.target.received, 0u);
    tunnel.target.reading = true;
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == 8 * kMiB; }));
}

TEST_P(RelayBulkTest, takes_more_once_when_both_directions_are_stuck) {
    Tunnel tunnel(context, seed, 32 * 1024, io::unix_pair(), io::unix_pair());
    tunnel.client.reading = tunnel.target.reading = false;
    tunnel.client.send_more(8 * kMiB);
    tunnel.target.send_more(8 * kMiB);
    tunnel.start();
    const auto until_stuck = [&] {
        int refused = 0;
        const auto step = [&] {
            tunnel.step();
            refused = tunnel.client.blocked && tunnel.target.blocked ? refused + 1 : 0;
            return true;
        };
        ASSERT_TRUE(drive(loop, step, [&] { return refused == 50; }));
    };
    until_stuck();
    const std::uint64_t up = tunnel.client.sent;
    const std::uint64_t down = tunnel.target.sent;
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.sent > up && tunnel.target.sent > down; }));
    until_stuck();
    EXPECT_LE(tunnel.client.sent, up + limits::kRelayPendingBytes);
    EXPECT_LE(tunnel.target.sent, down + limits::kRelayPendingBytes);
    tunnel.client.reading = tunnel.target.reading = true;
    tunnel.client.finish();
    tunnel.target.finish();
    ASSERT_TRUE(tunnel.drive_to_end());
    EXPECT_EQ(tunnel.client.received, 8 * kMiB);
    EXPECT_EQ(tunnel.target.received, 8 * kMiB);
    EXPECT_EQ(tunnel.relay.up_bytes(), 8 * kMiB);
    EXPECT_EQ(tunnel.relay.down_bytes(), 8 * kMiB);
    expect_no_leak(2);
}

// Both far ends read everything, but the kernel refuses what they acknowledge, because it has
// taken back a window that it had promised: see Relay::make_room(). A kernel that does not do so
// lets this pass at once.
TEST_P(RelayBulkTest, goes_on_when_acknowledgements_are_refused_both_ways) {
    Tunnel tunnel(context, seed, 32 * 1024);
    std::string to_target = tunnel.client.send_early(200 * 1024);
    std::string to_client = tunnel.target.send_early(200 * 1024);
    const auto fill = [](const io::Socket& near, FarEnd& far) {
        const std::uint64_t early = far.sent;
        const auto send = [&](std::uint64_t bytes) {
            far.even_slices = true;
            far.send_more(bytes);
            while (!far.all_sent()) far.step();
        };
        const auto all_came = [&] {
            int bytes = 0;
            ::ioctl(near.fd(), FIONREAD, &bytes);
            return early + static_cast<std::uint64_t>(bytes) == far.sent;
        };
        send(8 * 1024);
        // The window reaches further, but now the memory is used up. What goes beyond must be
        // less than the unit of the window, or the sender sees that it has been taken back.
        io::set_option(near.fd(), SOL_SOCKET, SO_RCVBUF, 1);
        for (int i = 0; i < 100 && all_came(); i++) send(1);
    };
    fill(tunnel.relay.client(), tunnel.client);
    fill(tunnel.relay.target(), tunnel.target);
    tunnel.start(std::move(to_target), std::move(to_client));
    tunnel.client.finish();
    tunnel.target.finish();
    ASSERT_TRUE(tunnel.drive_to_end());
    EXPECT_EQ(tunnel.relay.ends, std::vector{Relay::End::finished});
    EXPECT_EQ(tunnel.target.received, tunnel.client.to_send);
    EXPECT_EQ(tunnel.client.received, tunnel.target.to_send);
}

TEST_P(RelayBulkTest, lets_an_interactive_tunnel_have_its_turn) {
    Tunnel bulk(context, seed);
    Tunnel talk(context, seed + 7);
    bulk.client.send_more(1000 * kMiB);
    bulk.target.send_more(1000 * kMiB);
    bulk.start();
    talk.start();
    for (int i = 0; i < 100; i++) {
        talk.client.send_more(1);
        talk.target.send_more(1);
        ASSERT_TRUE(drive(
            loop,
            [&] {
                talk.step();
                bulk.step();
                return true;
            },
            [&] {
                return talk.client.received == talk.target.to_send &&
                       talk.target.received == talk.client.to_send;
            }));
    }
    EXPECT_GT(bulk.target.received, 0u);
    EXPECT_GT(bulk.client.received, 0u);
    EXPECT_FALSE(bulk.client.all_sent());
}

// A sender so fast that there is always more: the loop goes round all the same.
TEST_P(RelayBulkTest, leaves_the_loop_after_its_share_of_a_turn) {
    Tunnel tunnel(context, seed, 8 * 1024 * 1024);
    tunnel.client.send_more(3 * limits::kRelayTurnBytes);
    while (!tunnel.client.blocked && !tunnel.client.all_sent()) tunnel.client.step();
    tunnel.start();
    // One turn of the loop may run it twice: when it is ready, and from the deferred.
    constexpr std::size_t kMost =
        2 *
        (limits::kRelayTurnBytes + std::max(limits::kRelayPendingBytes, limits::kLargePipeBytes));
    std::uint64_t before = tunnel.relay.up_bytes();
    ASSERT_TRUE(drive(
        loop,
        [&] {
            EXPECT_LE(tunnel.relay.up_bytes() - before, kMost);
            before = tunnel.relay.up_bytes();
            return tunnel.step();
        },
        [&] { return tunnel.target.received == tunnel.client.to_send; }));
}

TEST_P(RelayBulkTest, copies_when_the_pipes_are_exhausted) {
    for (const std::size_t limit : {std::size_t{0}, std::size_t{1}}) {
        RelayContext poor(loop, GetParam().mode, limit);
        {
            std::vector<std::unique_ptr<Tunnel>> tunnels;
            for (unsigned i = 0; i < 4; i++) {
                Tunnel& tunnel =
                    *tunnels.emplace_back(std::make_unique<Tunnel>(poor, seed + 2 * i, 32 * 1024));
                tunnel.client.send_more(4 * kMiB);
                tunnel.target.send_more(4 * kMiB);
                tunnel.start();
            }
            const auto step = [&] {
                bool moved = false;
                for (const auto& tunnel : tunnels) moved |= tunnel->step();
                EXPECT_LE(poor.pipes.lent(), limit);
                return moved;
            };
            ASSERT_TRUE(drive(loop, step, [&] {
                return std::ranges::all_of(tunnels, [](const auto& tunnel) {
                    return tunnel->client.received == 4 * kMiB &&
                           tunnel->target.received == 4 * kMiB;
                });
            }));
        }
        EXPECT_EQ(poor.pipes.lent(), 0u);
        EXPECT_EQ(poor.bulk_relays.load(), 0);
    }
}

}  // namespace
}  // namespace neosocksd::net
