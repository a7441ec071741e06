#include "proxy/udp_chain_table.h"

#include <gtest/gtest.h>

#include <string>

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

struct FakeHop {
    io::TimePoint used;
    bool told = false;
    io::TimePoint last() const { return used; }
    void make_room() { told = true; }
};

UdpChain chain(int number) {
    auto hops = proto::parse_proxy_list("socks5://192.0.2.1:" + std::to_string(number));
    return std::make_shared<const std::vector<proto::ProxyUrl>>(std::move(hops.value()));
}

class UdpChainTableTest : public testing::Test {
protected:
    // The number of times that a hop was made is `made`.
    FakeHop* find(int number, FakeHop& hop) {
        return table.find(chain(number), now, [&] {
            made++;
            hop.used = now;
            return &hop;
        });
    }

    UdpChainTable<FakeHop> table;
    io::TimePoint now{1h};
    int made = 0;
};

TEST_F(UdpChainTableTest, makes_one_hop_for_a_chain) {
    FakeHop first;
    FakeHop second;
    EXPECT_EQ(find(1, first), &first);
    EXPECT_EQ(find(1, second), &first);
    EXPECT_EQ(find(2, second), &second);
    EXPECT_EQ(made, 2);
}

TEST_F(UdpChainTableTest, tells_chains_apart_by_their_credentials) {
    FakeHop first;
    FakeHop second;
    const auto with = [](const char* text) {
        return std::make_shared<const std::vector<proto::ProxyUrl>>(
            proto::parse_proxy_list(text).value());
    };
    EXPECT_EQ(table.find(with("socks5://a:x@192.0.2.1:1"), now, [&] { return &first; }), &first);
    EXPECT_EQ(table.find(with("socks5://b:x@192.0.2.1:1"), now, [&] { return &second; }), &second);
}

TEST_F(UdpChainTableTest, pauses_longer_after_each_failure) {
    FakeHop hop;
    io::Duration expected = limits::kUdpHopPause;
    for (int i = 0; i < 10; i++) {
        ASSERT_EQ(find(1, hop), &hop) << i;
        ASSERT_EQ(table.failed(hop, now), expected) << i;
        now += expected - 1ms;
        ASSERT_EQ(find(1, hop), nullptr) << i;
        now += 1ms;
        expected = std::min<io::Duration>(2 * expected, limits::kUdpHopPauseMax);
    }
    EXPECT_EQ(made, 10);
}

TEST_F(UdpChainTableTest, forgives_a_hop_that_lasted) {
    FakeHop hop;
    for (int i = 0; i < 3; i++) {
        find(1, hop);
        now += table.failed(hop, now);
    }
    find(1, hop);
    now += limits::kUdpHopPauseMax;
    EXPECT_EQ(table.failed(hop, now), limits::kUdpHopPause);
}

TEST_F(UdpChainTableTest, asks_again_at_once_after_a_quiet_end) {
    FakeHop hop;
    find(1, hop);
    table.ended(hop);
    EXPECT_EQ(find(1, hop), &hop);
    EXPECT_EQ(made, 2);
}

TEST_F(UdpChainTableTest, a_chain_in_use_keeps_its_place) {
    std::vector<FakeHop> hops(limits::kUdpChains + 1);
    for (std::size_t i = 0; i < limits::kUdpChains; i++) find(static_cast<int>(i) + 1, hops[i]);
    EXPECT_EQ(find(100, hops.back()), nullptr);
    now += limits::kUdpChainQuietTime;
    for (std::size_t i = 0; i < limits::kUdpChains; i++)
        if (i != 3) hops[i].used = now;
    EXPECT_EQ(find(100, hops.back()), &hops.back());
    for (std::size_t i = 0; i < limits::kUdpChains; i++) EXPECT_EQ(hops[i].told, i == 3) << i;
    // Whatever becomes of the one that made room says nothing of the new chain.
    EXPECT_EQ(table.failed(hops[3], now), io::Duration::zero());
    EXPECT_EQ(find(100, hops[3]), &hops.back());
    EXPECT_EQ(find(4, hops[3]), nullptr);
}

TEST_F(UdpChainTableTest, a_chain_that_waits_for_its_next_try_keeps_its_place) {
    std::vector<FakeHop> hops(limits::kUdpChains + 1);
    for (std::size_t i = 0; i < limits::kUdpChains; i++) find(static_cast<int>(i) + 1, hops[i]);
    now += table.failed(hops[0], now) / 2;
    EXPECT_EQ(find(100, hops.back()), nullptr);
    EXPECT_EQ(find(1, hops.back()), nullptr);
    now += limits::kUdpHopPause;
    EXPECT_EQ(find(100, hops.back()), &hops.back());
}

}  // namespace
}  // namespace neosocksd::proxy
