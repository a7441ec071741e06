// A relay moves to another loop as a whole, in whatever state it is, and no byte is lost,
// doubled or reordered on the way.
//
// Two loops turned by one thread: so each turn of a relay's life can be met. relay_threads_test.cc
// does the same with two threads.

#include "net/relay_fixture.h"

namespace neosocksd::net {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

class RelayMoveTest : public RelayTest {
protected:
    void move(Tunnel& tunnel) {
        RelayContext& destination = tunnel.context == &context ? second : context;
        tunnel.relay.moved_out = false;
        tunnel.relay.move_out();
        await_move(tunnel, destination);
    }
    void await_move(Tunnel& tunnel, RelayContext& destination) {
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.moved_out; }));
        EXPECT_EQ(tunnel.context->bulk_relays.load(), 0);
        EXPECT_EQ(tunnel.context->pipes.lent(), 0u);
        tunnel.context = &destination;
        tunnel.relay.move_in(destination);
    }
    void turn(Tunnel& tunnel, int turns) {
        for (int i = 0; i < turns; i++) {
            tunnel.step();
            tunnel.context->loop.run_once(io::Duration::zero());
        }
    }
    void expect_all(Tunnel& tunnel) {
        EXPECT_EQ(tunnel.relay.ends, std::vector{Relay::End::finished});
        EXPECT_EQ(tunnel.target.received, tunnel.client.to_send);
        EXPECT_EQ(tunnel.client.received, tunnel.target.to_send);
        EXPECT_EQ(tunnel.relay.up_bytes(), tunnel.client.to_send);
        EXPECT_EQ(tunnel.relay.down_bytes(), tunnel.target.to_send);
        EXPECT_EQ(context.pipes.lent() + second.pipes.lent(), 0u);
        EXPECT_EQ(context.bulk_relays.load() + second.bulk_relays.load(), 0);
    }

    io::Loop second_loop{GetParam().engine};
    RelayContext second{second_loop, GetParam().mode, 16};
};
ON_EVERY_RELAY(RelayMoveTest);

TEST_P(RelayMoveTest, moves_when_idle) {
    Tunnel tunnel(context, seed);
    tunnel.start();
    for (int i = 0; i < 4; i++) {
        move(tunnel);
        tunnel.client.send_more(3);
        tunnel.target.send_more(4);
        ASSERT_TRUE(tunnel.drive([&] {
            return tunnel.target.received == tunnel.client.to_send &&
                   tunnel.client.received == tunnel.target.to_send;
        }));
    }
    tunnel.client.finish();
    tunnel.target.finish();
    ASSERT_TRUE(tunnel.drive_to_end());
    expect_all(tunnel);
    EXPECT_EQ(context.up_bytes.load() + second.up_bytes.load(), tunnel.client.to_send);
    EXPECT_EQ(context.down_bytes.load() + second.down_bytes.load(), tunnel.target.to_send);
}

TEST_P(RelayMoveTest, moves_again_and_again_under_load) {
    std::mt19937 random(seed);
    for (const std::size_t slice : {std::size_t{1000}, std::size_t{65000}}) {
        for (const int buffers : {0, 32 * 1024}) {
            SCOPED_TRACE(slice);
            Tunnel tunnel(context, seed, buffers);
            tunnel.start(tunnel.client.send_early(1000), tunnel.target.send_early(1000), 0);
            for (int i = 0; i < 200; i++) {
                // Sometimes nobody reads for a while: full sockets, then full relays.
                tunnel.client.reading = i / 10 % 3 != 1;
                tunnel.target.reading = i / 10 % 3 != 2;
                if (tunnel.client.all_sent()) tunnel.client.send_more(kMiB, slice);
                if (tunnel.target.all_sent()) tunnel.target.send_more(kMiB, slice);
                turn(tunnel, static_cast<int>(random() % 12));
                move(tunnel);
            }
            tunnel.client.reading = tunnel.target.reading = true;
            tunnel.client.finish();
            tunnel.target.finish();
            ASSERT_TRUE(tunnel.drive_to_end());
            expect_all(tunnel);
        }
    }
}

TEST_P(RelayMoveTest, moves_with_unsent_bytes_for_a_reader_that_blocks_it) {
    for (const std::size_t slice : {std::size_t{700}, std::size_t{65000}}) {
        Tunnel tunnel(context, seed, 32 * 1024);
        tunnel.target.reading = false;
        tunnel.client.send_more(kMiB, slice);
        tunnel.start();
        for (int i = 0; i < 6; i++) {
            tunnel.client.blocked = false;
            ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.blocked; }));
            if (i == 3) tunnel.target.finish();
            move(tunnel);
        }
        tunnel.target.reading = true;
        tunnel.client.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        expect_all(tunnel);
    }
}

TEST_P(RelayMoveTest, moves_when_half_closed) {
    for (const bool client_first : {true, false}) {
        Tunnel tunnel(context, seed);
        FarEnd& first = client_first ? tunnel.client : tunnel.target;
        FarEnd& second_end = client_first ? tunnel.target : tunnel.client;
        first.send_more(100);
        first.finish();
        second_end.send_more(8 * kMiB);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return second_end.ended; }));
        for (int i = 0; i < 20; i++) {
            move(tunnel);
            turn(tunnel, i);
        }
        second_end.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        expect_all(tunnel);
    }
}

TEST_P(RelayMoveTest, may_end_while_it_moves) {
    for (int turns = 0; turns < 20; turns++) {
        Tunnel tunnel(context, seed);
        tunnel.client.send_more(2000);
        tunnel.target.send_more(2000);
        tunnel.start();
        turn(tunnel, turns);
        tunnel.relay.move_out();
        if (turns % 2 == 0)
            tunnel.relay.stop(false);
        else
            tunnel.client.peer.reset();
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended() || tunnel.relay.moved_out; }));
        if (tunnel.relay.ended()) continue;
        // It was quicker: out of its loop before the reset was seen.
        EXPECT_EQ(turns % 2, 1);
        tunnel.context = &second;
        tunnel.relay.move_in(second);
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.relay.ended(); }));
    }
}

// As the program does it: the relay itself asks for it, when it turns bulk.
TEST_P(RelayMoveTest, moves_when_it_turns_bulk) {
    for (const bool at_start : {false, true}) {
        SCOPED_TRACE(at_start);
        Tunnel tunnel(context, seed);
        tunnel.relay.move_when_bulk = true;
        for (FarEnd* end : {&tunnel.client, &tunnel.target}) {
            end->even_slices = true;
            end->send_more(8 * kMiB);
            // Its first reads find so much that it turns bulk before start() returns.
            while (at_start && !end->blocked && !end->all_sent()) end->step();
        }
        tunnel.start();
        await_move(tunnel, second);
        tunnel.client.finish();
        tunnel.target.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        expect_all(tunnel);
        EXPECT_GE(second.up_bytes.load() + second.down_bytes.load(), 8 * kMiB);
    }
}

// Both directions turn bulk in the same moment: it is asked once.
TEST_P(RelayMoveTest, is_not_offered_again_while_it_moves) {
    for (unsigned i = 0; i < 50; i++) {
        Tunnel tunnel(context, seed + i);
        tunnel.client.even_slices = tunnel.target.even_slices = true;
        tunnel.client.send_more(kMiB);
        tunnel.target.send_more(kMiB);
        tunnel.start();
        int spells = 0;
        tunnel.relay.move_when_bulk = true;
        ASSERT_TRUE(tunnel.drive([&] {
            if (tunnel.relay.bulk_spells > spells) {
                EXPECT_EQ(tunnel.relay.bulk_spells, spells + 1);
            }
            spells = tunnel.relay.bulk_spells;
            return tunnel.relay.moved_out;
        }));
        EXPECT_EQ(tunnel.relay.bulk_spells, 1);
        tunnel.context = &second;
        tunnel.relay.move_in(second);
        tunnel.client.finish();
        tunnel.target.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        expect_all(tunnel);
    }
}

// Turned bulk in the same round, each may see the other, which leaves: one of them must stay.
TEST_P(RelayMoveTest, two_that_turn_bulk_together_do_not_both_leave) {
    for (unsigned i = 0; i < 20; i++) {
        Tunnel first(context, seed + i);
        Tunnel other(context, seed + i + 1);
        for (Tunnel* tunnel : {&first, &other}) {
            tunnel->relay.lighter = &second;
            tunnel->target.even_slices = true;
            tunnel->target.send_more(16 * kMiB);
            while (!tunnel->target.blocked) tunnel->target.step();
        }
        first.start();
        other.start();
        const auto moved = [&] { return first.relay.moved_out || other.relay.moved_out; };
        ASSERT_TRUE(drive(loop, [&] { return first.step() + other.step() > 0; }, moved));
        turn(first, 3);
        EXPECT_NE(first.relay.moved_out, other.relay.moved_out);
        EXPECT_EQ(context.bulk_relays.load(), 1);
        EXPECT_EQ(second.bulk_relays.load(), 1);
        Tunnel& gone = first.relay.moved_out ? first : other;
        gone.context = &second;
        gone.relay.move_in(second);
        EXPECT_EQ(second.bulk_relays.load(), 1);
    }
}

TEST_P(RelayMoveTest, is_offered_again_when_it_has_moved_much) {
    Tunnel tunnel(context, seed);
    tunnel.target.even_slices = true;
    tunnel.target.send_more(160 * kMiB);
    tunnel.start();
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.received == tunnel.target.to_send; }));
    EXPECT_GE(tunnel.relay.bulk_spells, 3);
}

}  // namespace
}  // namespace neosocksd::net
