// The relay as its users see it: every byte arrives, once and in order, both ways.

#include <algorithm>

#include "net/relay_fixture.h"

namespace neosocksd::net {
namespace {

using RelayTransferTest = RelayTest;
ON_EVERY_RELAY(RelayTransferTest);

constexpr std::size_t kMiB = 1024 * 1024;

TEST_P(RelayTransferTest, carries_any_amount_both_ways_at_once) {
    std::uint64_t total = 0;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{1460}, std::size_t{4096}, std::size_t{8191},
          std::size_t{8192}, std::size_t{8193}, std::size_t{65535}, std::size_t{65536},
          std::size_t{65537}, kMiB, 20 * kMiB}) {
        SCOPED_TRACE(size);
        Tunnel tunnel(context, seed);
        tunnel.client.send_more(size);
        tunnel.target.send_more(size);
        tunnel.client.finish();
        tunnel.target.finish();
        tunnel.start();
        ASSERT_TRUE(tunnel.drive_to_end());
        EXPECT_EQ(tunnel.relay.ends, std::vector{Relay::End::finished});
        EXPECT_EQ(tunnel.target.received, size);
        EXPECT_EQ(tunnel.client.received, size);
        EXPECT_TRUE(tunnel.client.ended && tunnel.target.ended);
        EXPECT_EQ(tunnel.relay.up_bytes(), size);
        EXPECT_EQ(tunnel.relay.down_bytes(), size);
        EXPECT_EQ(tunnel.relay.both_spoke, size > 0 ? 1 : 0);
        total += size;
        EXPECT_EQ(context.up_bytes.load(), total);
        EXPECT_EQ(context.down_bytes.load(), total);
    }
    expect_no_leak();
}

TEST_P(RelayTransferTest, carries_bulk_one_way) {
    for (const bool up : {true, false}) {
        SCOPED_TRACE(up ? "up" : "down");
        Tunnel tunnel(context, seed);
        FarEnd& sender = up ? tunnel.client : tunnel.target;
        FarEnd& reader = up ? tunnel.target : tunnel.client;
        sender.send_more(20 * kMiB + 1);
        tunnel.start();
        ASSERT_TRUE(tunnel.drive([&] { return reader.received == sender.to_send; }));
        EXPECT_EQ(tunnel.relay.both_spoke, 0);
        sender.finish();
        ASSERT_TRUE(tunnel.drive([&] { return reader.ended; }));
        EXPECT_FALSE(tunnel.relay.ended());
        reader.finish();
        ASSERT_TRUE(tunnel.drive_to_end());
        EXPECT_EQ(tunnel.relay.ends, std::vector{Relay::End::finished});
    }
    expect_no_leak();
}

TEST_P(RelayTransferTest, carries_small_messages_back_and_forth) {
    Tunnel tunnel(context, seed);
    tunnel.start();
    for (int i = 0; i < 300; i++) {
        tunnel.client.send_more(1 + static_cast<unsigned>(i) % 7);
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == tunnel.client.to_send; }));
        tunnel.target.send_more(1 + static_cast<unsigned>(i) % 5);
        ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.received == tunnel.target.to_send; }));
    }
    EXPECT_FALSE(tunnel.relay.bulk());
    EXPECT_EQ(context.pipes.lent(), 0u);
    EXPECT_EQ(tunnel.relay.up_bytes(), tunnel.client.sent);
    EXPECT_EQ(tunnel.relay.down_bytes(), tunnel.target.sent);
}

TEST_P(RelayTransferTest, goes_on_the_other_way_after_one_side_has_ended) {
    for (const bool client_first : {true, false}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1000}, 3 * kMiB}) {
            SCOPED_TRACE(size);
            Tunnel tunnel(context, seed);
            FarEnd& first = client_first ? tunnel.client : tunnel.target;
            FarEnd& second = client_first ? tunnel.target : tunnel.client;
            first.send_more(size);
            first.finish();
            tunnel.start();
            ASSERT_TRUE(tunnel.drive([&] { return second.ended; }));
            EXPECT_EQ(second.received, size);
            EXPECT_FALSE(tunnel.relay.ended());
            second.send_more(1);
            ASSERT_TRUE(tunnel.drive([&] { return first.received == 1; }));
            second.send_more(3 * kMiB);
            second.finish();
            ASSERT_TRUE(tunnel.drive_to_end());
            EXPECT_EQ(first.received, 3 * kMiB + 1);
            EXPECT_EQ(tunnel.relay.ends, std::vector{Relay::End::finished});
        }
    }
    expect_no_leak();
}

TEST_P(RelayTransferTest, sends_early_bytes_first_and_counts_all_but_the_reply) {
    for (const std::size_t early : {std::size_t{0}, std::size_t{1}, std::size_t{100}, 6 * kMiB}) {
        for (const std::size_t reply : {std::size_t{0}, std::size_t{10}}) {
            SCOPED_TRACE(early);
            Tunnel tunnel(context, seed);
            std::string to_client(reply, 'r');
            tunnel.client.expect_first(to_client);
            to_client += tunnel.target.send_early(early);
            std::string to_target = tunnel.client.send_early(early);
            tunnel.start(std::move(to_target), std::move(to_client), reply);
            ASSERT_TRUE(tunnel.drive([&] {
                return tunnel.client.received == early && tunnel.target.received == early;
            }));
            EXPECT_EQ(tunnel.relay.both_spoke, early > 0 ? 1 : 0);
            tunnel.client.send_more(777);
            tunnel.target.send_more(999);
            tunnel.client.finish();
            tunnel.target.finish();
            ASSERT_TRUE(tunnel.drive_to_end());
            EXPECT_EQ(tunnel.relay.up_bytes(), early + 777);
            EXPECT_EQ(tunnel.relay.down_bytes(), early + 999);
            EXPECT_EQ(tunnel.target.received, early + 777);
            EXPECT_EQ(tunnel.client.received, early + 999);
            EXPECT_EQ(tunnel.relay.both_spoke, 1);
        }
    }
    expect_no_leak();
}

TEST_P(RelayTransferTest, does_not_take_the_reply_for_the_voice_of_the_target) {
    Tunnel tunnel(context, seed);
    tunnel.client.expect_first("reply");
    tunnel.client.send_more(5);
    tunnel.start({}, "reply", 5);
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == 5; }));
    EXPECT_EQ(tunnel.relay.both_spoke, 0);
    EXPECT_EQ(tunnel.relay.down_bytes(), 0u);
    tunnel.target.send_more(1);
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.client.received == 1; }));
    EXPECT_EQ(tunnel.relay.both_spoke, 1);
    EXPECT_EQ(tunnel.relay.down_bytes(), 1u);
    EXPECT_EQ(context.down_bytes.load(), 1u);
}

TEST_P(RelayTransferTest, does_not_count_a_header_before_the_payload) {
    Tunnel tunnel(context, seed);
    tunnel.target.expect_first("header");
    std::string to_target = "header";
    to_target += tunnel.client.send_early(100);
    tunnel.start(std::move(to_target), {}, 0, 6);
    ASSERT_TRUE(tunnel.drive([&] { return tunnel.target.received == 100; }));
    EXPECT_EQ(tunnel.relay.up_bytes(), 100u);
    EXPECT_EQ(context.up_bytes.load(), 100u);
    EXPECT_EQ(tunnel.relay.both_spoke, 0);
}

TEST_P(RelayTransferTest, carries_two_hundred_tunnels_at_once) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Tunnel>> tunnels;
    std::uint64_t up = 0;
    std::uint64_t down = 0;
    for (unsigned i = 0; i < 200; i++) {
        Tunnel& tunnel = *tunnels.emplace_back(std::make_unique<Tunnel>(context, seed + 2 * i));
        for (FarEnd* end : {&tunnel.client, &tunnel.target}) {
            // In a few hundred pieces at most: each costs a look at all the other ends.
            const std::size_t bytes = random() % 4 ? random() % 3000 : random() % (kMiB / 2);
            end->send_more(bytes, bytes / 300 + 1 + random() % 20000);
            end->finish();
        }
        up += tunnel.client.to_send;
        down += tunnel.target.to_send;
        tunnel.start();
    }
    const auto step = [&] {
        bool moved = false;
        for (const auto& tunnel : tunnels) moved |= tunnel->step();
        return moved;
    };
    ASSERT_TRUE(drive(loop, step, [&] {
        return std::ranges::all_of(tunnels, [](const auto& tunnel) {
            return tunnel->relay.ended() && tunnel->client.over() && tunnel->target.over();
        });
    }));
    for (const auto& tunnel : tunnels) {
        EXPECT_EQ(tunnel->relay.ends, std::vector{Relay::End::finished});
        EXPECT_EQ(tunnel->target.received, tunnel->client.to_send);
        EXPECT_EQ(tunnel->client.received, tunnel->target.to_send);
    }
    EXPECT_EQ(context.up_bytes.load(), up);
    EXPECT_EQ(context.down_bytes.load(), down);
    tunnels.clear();
    expect_no_leak();
}

}  // namespace
}  // namespace neosocksd::net
