#include "proxy/session_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/session_walk.h"

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

SessionFacts example() {
    SessionFacts facts;
    facts.id = 7;
    facts.client = {*IpAddress::parse("192.0.2.1"), 4000};
    facts.user = "alice";
    facts.listener = "127.0.0.1:1080";
    facts.protocol = "socks5";
    facts.target = "www.Example.org:443";
    facts.state = SessionState::established;
    facts.worker = 1;
    facts.age = 10s;
    facts.up_bytes = 100;
    facts.down_bytes = 900;
    return facts;
}

bool is_for(std::string_view target, const std::string& wanted) {
    SessionFacts facts = example();
    facts.target = target;
    SessionFilter filter;
    filter.target = wanted;
    return filter.matches(facts);
}

TEST(SessionFilter, matches_everything_when_it_says_nothing) {
    EXPECT_TRUE(SessionFilter{}.matches(example()));
    EXPECT_TRUE(SessionFilter{}.matches(SessionFacts{}));
}

TEST(SessionFilter, looks_at_every_field) {
    const auto check = [](auto set_good, auto set_bad) {
        SessionFilter good;
        set_good(good);
        EXPECT_TRUE(good.matches(example()));
        SessionFilter bad;
        set_bad(bad);
        EXPECT_FALSE(bad.matches(example()));
    };
    check([](auto& f) { f.id = 7; }, [](auto& f) { f.id = 8; });
    check([](auto& f) { f.client = Cidr::parse("192.0.2.0/24"); },
          [](auto& f) { f.client = Cidr::parse("198.51.100.0/24"); });
    check([](auto& f) { f.client_port = 4000; }, [](auto& f) { f.client_port = 4001; });
    check([](auto& f) { f.user = "alice"; }, [](auto& f) { f.user = ""; });
    check([](auto& f) { f.listener = "127.0.0.1:1080"; }, [](auto& f) { f.listener = "x"; });
    check([](auto& f) { f.protocol = "socks5"; }, [](auto& f) { f.protocol = "http"; });
    check([](auto& f) { f.state = SessionState::established; },
          [](auto& f) { f.state = SessionState::request; });
    check([](auto& f) { f.worker = 1; }, [](auto& f) { f.worker = 0; });
    check([](auto& f) { f.min_age = 10s; }, [](auto& f) { f.min_age = 11s; });
    check([](auto& f) { f.max_age = 10s; }, [](auto& f) { f.max_age = 9s; });
    check([](auto& f) { f.min_bytes = 1000; }, [](auto& f) { f.min_bytes = 1001; });
    check([](auto&) {}, [](auto& f) { f.client_uid = 1000; });
}

TEST(SessionFilter, tells_clients_on_a_unix_socket_from_those_with_an_address) {
    SessionFacts facts = example();
    facts.client = {};
    facts.client_uid = 1000;
    SessionFilter filter;
    filter.client_uid = 1000;
    EXPECT_TRUE(filter.matches(facts));
    filter = {};
    filter.client = Cidr::parse("0.0.0.0/0");
    EXPECT_FALSE(filter.matches(facts));
}

TEST(SessionFilter, finds_a_target_by_host_by_port_and_by_domain) {
    for (const char* wanted : {"www.example.org:443", "www.example.org", "WWW.EXAMPLE.ORG",
                               ".example.org", ".org", ".www.example.org"})
        EXPECT_TRUE(is_for("www.Example.org:443", wanted)) << wanted;
    for (const char* wanted : {"example.org", "www.example.org:80", ".xample.org", "443", "."})
        EXPECT_FALSE(is_for("www.Example.org:443", wanted)) << wanted;
    EXPECT_TRUE(is_for("[2001:db8::1]:443", "2001:db8::1"));
    EXPECT_TRUE(is_for("http://user@www.example.org:8080/path?q", "www.example.org"));
    EXPECT_TRUE(is_for("http://www.example.org/path", ".example.org"));
    EXPECT_TRUE(is_for("udp 127.0.0.1:4000", "udp 127.0.0.1:4000"));
    EXPECT_FALSE(is_for("", "www.example.org"));
}

TEST(SessionState, has_a_name_for_each) {
    for (int i = 0; i <= static_cast<int>(SessionState::closing); i++) {
        const auto state = static_cast<SessionState>(i);
        EXPECT_EQ(state_of(state_name(state)), state);
    }
    EXPECT_FALSE(state_of("nothing"));
}

std::vector<std::uint64_t> collect(const SessionQuery& query, std::vector<std::uint64_t> ids,
                                   std::size_t matched) {
    SessionCollector collector(query);
    for (const std::uint64_t id : ids) {
        SessionFacts facts;
        facts.id = id;
        if (!collector.matches(facts) || !collector.wants(id)) continue;
        SessionRow row;
        row.id = id;
        collector.add(std::move(row));
    }
    const SessionPage page = collector.take();
    EXPECT_EQ(page.matched, matched);
    std::vector<std::uint64_t> kept;
    for (const SessionRow& row : page.rows) kept.push_back(row.id);
    std::ranges::sort(kept);
    return kept;
}

TEST(SessionCollector, keeps_the_smallest_ids_in_whatever_order_they_come) {
    SessionQuery query;
    query.limit = 3;
    EXPECT_THAT(collect(query, {9, 2, 8, 1, 5, 3}, 6), testing::ElementsAre(1, 2, 3));
    query.after = 2;
    EXPECT_THAT(collect(query, {9, 2, 8, 1, 5, 3}, 4), testing::ElementsAre(3, 5, 8));
    query.limit = 0;
    EXPECT_THAT(collect(query, {9, 2, 8, 1, 5, 3}, 4), testing::ElementsAre());
    query.limit = 100;
    EXPECT_THAT(collect(query, {9, 8}, 2), testing::ElementsAre(8, 9));
}

}  // namespace
}  // namespace neosocksd::proxy
