#include "net/resolver.h"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/task_group.h"
#include "net/resolver_test_server.h"

namespace neosocksd::net {
namespace {

using namespace std::chrono_literals;

std::vector<io::EngineChoice> engines() {
    const char* wanted = std::getenv("NEOSOCKSD_IO");
    const std::string_view only = wanted ? wanted : "";
    std::vector<io::EngineChoice> result;
    std::string reason;
    if (only != "uring") result.push_back(io::EngineChoice::epoll);
    if (only != "epoll" && io::probe_uring(reason)) result.push_back(io::EngineChoice::uring);
    return result;
}

Addresses list(std::initializer_list<const char*> texts) {
    Addresses result;
    for (const char* text : texts) result.push_back(*IpAddress::parse(text));
    return result;
}

// One call of resolve() in a task of its own.
struct Call {
    explicit Call(io::Scope* parent = nullptr) : group(parent) {}
    static io::Task<void> run(Resolver& resolver, std::string name,
                              std::optional<Result<Addresses>>& answer) {
        auto found = co_await resolver.resolve(std::move(name));
        answer = std::move(found);
    }
    bool done() const { return answer.has_value(); }
    int code() const { return answer && !*answer ? answer->error().code : 0; }

    io::TaskGroup group;
    std::optional<Result<Addresses>> answer;
};

class ResolverTest : public testing::TestWithParam<io::EngineChoice> {
protected:
    void SetUp() override {
        log::set_output(log::Output::discard);
        make({.timeout = 300ms, .tries = 2});
    }
    void TearDown() override {
        if (resolver_) stop();
        log::set_output(log::Output::standard_out);
    }

    void make(ResolverOptions options) {
        if (resolver_) stop();
        if (options.nameservers.empty()) options.nameservers = server_.address();
        if (options.hosts_path == "/etc/hosts") options.hosts_path = "/nonexistent/hosts";
        resolver_.emplace(loop_, options);
    }
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit = 8s) {
        const auto end = io::Clock::now() + limit;
        while (!done() && io::Clock::now() < end) loop_.run_once(20ms);
        return done();
    }
    void start(Call& call, std::string name) {
        call.group.spawn(Call::run(*resolver_, std::move(name), call.answer));
    }
    Result<Addresses> resolve(std::string name) {
        Call call;
        start(call, std::move(name));
        EXPECT_TRUE(run_until([&] { return call.done(); }));
        return call.answer.value_or(failure(0, "no answer"));
    }
    int code(std::string name) {
        const auto answer = resolve(std::move(name));
        return answer ? 0 : answer.error().code;
    }
    void stop() {
        struct Stop {
            static io::Task<void> run(Resolver& resolver) { co_await resolver.stop(); }
        };
        io::TaskGroup group;
        group.spawn(Stop::run(*resolver_));
        ASSERT_TRUE(run_until([&] { return group.empty(); }));
        resolver_.reset();
    }

    io::Loop loop_{GetParam()};
    TestNameServer server_;
    std::optional<Resolver> resolver_;
};

TEST_P(ResolverTest, finds_addresses_of_either_family) {
    server_.add("v4.test", {.addresses = list({"192.0.2.1", "192.0.2.2"})});
    server_.add("v6.test", {.addresses = list({"2001:db8::1"})});
    EXPECT_EQ(resolve("v4.test"), list({"192.0.2.1", "192.0.2.2"}));
    EXPECT_EQ(resolve("v6.test"), list({"2001:db8::1"}));
    EXPECT_EQ(resolver_->counters().queries, 2u);
    EXPECT_EQ(resolver_->counters().successes, 2u);
}

TEST_P(ResolverTest, forgets_what_other_name_servers_have_said) {
    TestNameServer other;
    server_.add("a.test", {.addresses = list({"192.0.2.1"})});
    other.add("a.test", {.addresses = list({"192.0.2.2"})});
    EXPECT_EQ(resolve("a.test"), list({"192.0.2.1"}));
    resolver_->set_nameservers(other.address());
    EXPECT_EQ(resolve("a.test"), list({"192.0.2.2"}));
    EXPECT_EQ(server_.asked("a.test"), 2);  // A and AAAA, once
}

TEST_P(ResolverTest, asks_new_name_servers_what_the_old_ones_have_not_answered) {
    TestNameServer other;
    server_.add("a.test", {.silent = true});
    other.add("a.test", {.addresses = list({"192.0.2.2"})});
    Call first, second;
    start(first, "a.test");
    ASSERT_TRUE(run_until([&] { return server_.asked("a.test") > 0; }));
    resolver_->set_nameservers(other.address());
    resolver_->set_nameservers(other.address());
    start(second, "a.test");
    ASSERT_TRUE(run_until([&] { return first.done() && second.done(); }));
    EXPECT_EQ(first.answer, list({"192.0.2.2"}));
    EXPECT_EQ(second.answer, list({"192.0.2.2"}));
}

TEST_P(ResolverTest, ends_while_former_name_servers_are_given_up) {
    server_.add("a.test", {.silent = true});
    Call call;
    start(call, "a.test");
    ASSERT_TRUE(run_until([&] { return server_.asked("a.test") > 0; }));
    resolver_->set_nameservers("127.0.0.1:1");
    stop();
    ASSERT_TRUE(run_until([&] { return call.done(); }));
    EXPECT_EQ(call.code(), ECANCELED);
}

TEST_P(ResolverTest, lets_the_families_take_turns) {
    server_.add("dual.test",
                {.addresses = list({"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"})});
    const auto found = resolve("dual.test");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 4u);
    EXPECT_NE((*found)[0].is_v4(), (*found)[1].is_v4());
    EXPECT_NE((*found)[1].is_v4(), (*found)[2].is_v4());
    EXPECT_NE((*found)[2].is_v4(), (*found)[3].is_v4());
}

TEST_P(ResolverTest, restricts_to_one_family_when_told_to) {
    server_.add("dual.test", {.addresses = list({"192.0.2.1", "2001:db8::1"})});
    server_.add("v4.test", {.addresses = list({"192.0.2.1"})});
    make({.family = AF_INET6, .timeout = 300ms});
    EXPECT_EQ(resolve("dual.test"), list({"2001:db8::1"}));
    EXPECT_EQ(code("v4.test"), ENOENT);
    // A literal is no matter of the family.
    EXPECT_EQ(resolve("192.0.2.7"), list({"192.0.2.7"}));
    make({.family = AF_INET, .timeout = 300ms});
    EXPECT_EQ(resolve("dual.test"), list({"192.0.2.1"}));
}

TEST_P(ResolverTest, takes_no_address_of_a_family_that_was_not_asked_for) {
    server_.add("both.test", {.addresses = list({"192.0.2.1", "2001:db8::1"}), .unasked = true});
    server_.add("v4.test", {.addresses = list({"192.0.2.1"}), .unasked = true});
    make({.family = AF_INET6, .timeout = 300ms});
    EXPECT_EQ(resolve("both.test"), list({"2001:db8::1"}));
    EXPECT_EQ(code("v4.test"), ENOENT);
}

TEST_P(ResolverTest, takes_literals_for_what_they_are) {
    EXPECT_EQ(resolve("127.0.0.1"), list({"127.0.0.1"}));
    EXPECT_EQ(resolve("::1"), list({"::1"}));
    EXPECT_EQ(resolver_->counters().queries, 0u);
}

TEST_P(ResolverTest, takes_no_odd_number_for_an_address) {
    for (const char* odd : {"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01",
                            "127.0.0.1.", "1.2.3.4.5", "0x7f.1"})
        EXPECT_EQ(code(odd), ENOENT) << odd;
    EXPECT_GE(server_.asked("127.1"), 1);
    EXPECT_GE(server_.asked("2130706433"), 1);
}

TEST_P(ResolverTest, refuses_what_is_no_name_without_asking) {
    for (const std::string& bad :
         {std::string(), std::string(256, 'a'), std::string("a b"), std::string("a\0b", 3),
          std::string("a\r\nb"), std::string("a\\.b"), std::string("fe80::1%nosuch0"),
          std::string("1::2::3")})
        EXPECT_EQ(code(bad), EINVAL) << bad;
    EXPECT_EQ(resolver_->counters().sent, 0u);
    // Not a valid DNS name, which is the DNS library's to say.
    EXPECT_EQ(code(std::string(64, 'a') + ".test"), ENOENT);
    EXPECT_EQ(code("a..test"), ENOENT);
    EXPECT_EQ(code("."), ENOENT);
}

TEST_P(ResolverTest, knows_localhost_and_the_hosts_file) {
    char path[] = "/tmp/resolver_test.XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT_GE(fd, 0);
    constexpr std::string_view kText = "192.0.2.44 Printer.lan\n";
    ASSERT_EQ(::write(fd, kText.data(), kText.size()), static_cast<ssize_t>(kText.size()));
    ::close(fd);
    make({.hosts_path = path});
    EXPECT_EQ(resolve("pRINTER.LAN"), list({"192.0.2.44"}));
    const auto localhost = resolve("localhost");
    ASSERT_TRUE(localhost);
    EXPECT_EQ(localhost->size(), 2u);
    EXPECT_EQ(resolver_->counters().sent, 0u);
    make({.family = AF_INET, .hosts_path = path});
    EXPECT_EQ(resolve("LocalHost."), list({"127.0.0.1"}));
    ::unlink(path);
}

TEST_P(ResolverTest, remembers_names_whatever_their_case) {
    server_.add("name.test", {.addresses = list({"192.0.2.1"})});
    EXPECT_TRUE(resolve("name.test"));
    const int asked = server_.asked("name.test");
    EXPECT_TRUE(resolve("NAME.test"));
    EXPECT_TRUE(resolve("name.test"));
    EXPECT_EQ(server_.asked("name.test"), asked);
    EXPECT_EQ(resolver_->counters().queries, 3u);
    EXPECT_EQ(resolver_->counters().successes, 3u);
    EXPECT_EQ(resolver_->counters().sent, 1u);
}

TEST_P(ResolverTest, obeys_the_least_ttl_of_an_alias) {
    server_.add("real.test", {.addresses = list({"192.0.2.1"}), .ttl = 300});
    server_.add("alias.test", {.alias = "real.test", .alias_ttl = 1});
    EXPECT_EQ(resolve("alias.test"), list({"192.0.2.1"}));
    const int asked = server_.asked("alias.test");
    run_until([] { return false; }, 1200ms);
    EXPECT_TRUE(resolve("alias.test"));
    EXPECT_GT(server_.asked("alias.test"), asked);
}

TEST_P(ResolverTest, remembers_a_missing_name_for_a_second) {
    EXPECT_EQ(code("missing.test"), ENOENT);
    const int asked = server_.asked("missing.test");
    EXPECT_EQ(code("missing.test"), ENOENT);
    EXPECT_EQ(server_.asked("missing.test"), asked);
    server_.add("missing.test", {.addresses = list({"192.0.2.1"})});
    run_until([] { return false; }, 1100ms);
    EXPECT_TRUE(resolve("missing.test"));
    EXPECT_EQ(resolver_->counters().successes, 1u);
}

TEST_P(ResolverTest, tells_failures_apart) {
    server_.add("broken.test", {.code = 2});
    server_.add("refused.test", {.code = 5});
    server_.add("silent.test", {.silent = true});
    EXPECT_EQ(code("broken.test"), EREMOTEIO);
    EXPECT_EQ(code("refused.test"), EREMOTEIO);
    const auto begin = io::Clock::now();
    EXPECT_EQ(code("silent.test"), ETIMEDOUT);
    EXPECT_GE(io::Clock::now() - begin, 300ms);
    EXPECT_LT(io::Clock::now() - begin, 3s);
    EXPECT_EQ(describe_resolve_error(Error{ENOENT, "resolve"}), "resolve: name not found");
    // Nothing of that is remembered.
    server_.add("broken.test", {.addresses = list({"192.0.2.1"})});
    EXPECT_TRUE(resolve("broken.test"));
}

TEST_P(ResolverTest, fails_without_a_server_and_does_not_spin) {
    server_.stop();
    EXPECT_NE(code("name.test"), 0);
    int turns = 0;
    const auto end = io::Clock::now() + 300ms;
    while (io::Clock::now() < end) {
        loop_.run_once(300ms);
        turns++;
    }
    EXPECT_LE(turns, 3);
}

TEST_P(ResolverTest, reads_large_answers_over_tcp_and_keeps_few) {
    Addresses many;
    for (int i = 0; i < 1000; i++)
        many.push_back(IpAddress::v4(
            {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}));
    many.push_back(*IpAddress::parse("2001:db8::1"));
    server_.add("big.test", {.addresses = many, .truncated = true});
    const auto found = resolve("big.test");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size(), limits::kResolverAddresses);
    EXPECT_NE(std::find(found->begin(), found->end(), many.back()), found->end());
}

TEST_P(ResolverTest, asks_once_for_equal_lookups_in_flight) {
    server_.add("slow.test", {.silent = true});
    server_.add("other.test", {.addresses = list({"192.0.2.9"})});
    Call calls[3];
    for (Call& call : calls) start(call, "slow.test");
    EXPECT_TRUE(resolve("other.test"));
    server_.add("slow.test", {.addresses = list({"192.0.2.1"})});
    ASSERT_TRUE(run_until([&] { return calls[0].done() && calls[1].done() && calls[2].done(); }));
    for (Call& call : calls) EXPECT_EQ(*call.answer, list({"192.0.2.1"}));
    EXPECT_EQ(resolver_->counters().sent, 2u);
}

TEST_P(ResolverTest, lets_a_cancelled_waiter_leave_and_goes_on_for_others) {
    server_.add("slow.test", {.silent = true});
    Call leaver, stayer;
    start(leaver, "slow.test");
    start(stayer, "slow.test");
    leaver.group.cancel(ETIMEDOUT);
    ASSERT_TRUE(run_until([&] { return leaver.done(); }, 200ms));
    EXPECT_EQ(leaver.code(), ETIMEDOUT);
    EXPECT_FALSE(stayer.done());
    server_.add("slow.test", {.addresses = list({"192.0.2.1"})});
    ASSERT_TRUE(run_until([&] { return stayer.done(); }));
    EXPECT_TRUE(*stayer.answer);

    // With nobody left the answer still comes into the cache.
    server_.add("lonely.test", {.addresses = list({"192.0.2.2"})});
    Call lonely;
    start(lonely, "lonely.test");
    lonely.group.cancel();
    ASSERT_TRUE(run_until([&] { return lonely.done(); }));
    run_until([&] { return server_.asked("lonely.test") >= 2; });
    run_until([] { return false; }, 50ms);
    const auto sent = resolver_->counters().sent.load();
    EXPECT_TRUE(resolve("lonely.test"));
    EXPECT_EQ(resolver_->counters().sent, sent);

    Call late;
    late.group.cancel();
    start(late, "new.test");
    ASSERT_TRUE(run_until([&] { return late.done(); }));
    EXPECT_EQ(late.code(), ECANCELED);
}

TEST_P(ResolverTest, refuses_too_many_lookups_in_flight) {
    // Two questions each: many are lost on the way, and none is answered.
    std::vector<std::unique_ptr<Call>> calls;
    make({.family = AF_INET, .timeout = 5s, .tries = 1});
    for (std::size_t i = 0; i < limits::kResolverQueries; i++) {
        const std::string name = "silent" + std::to_string(i) + ".test";
        server_.add(name, {.silent = true});
        calls.push_back(std::make_unique<Call>());
        start(*calls.back(), name);
    }
    EXPECT_EQ(code("one.more.test"), EBUSY);
    stop();
    for (const auto& call : calls) ASSERT_EQ(call->code(), ECANCELED);
}

TEST_P(ResolverTest, stops_with_lookups_in_flight) {
    server_.add("silent.test", {.silent = true});
    Call calls[2];
    start(calls[0], "silent.test");
    start(calls[1], "silent.test");
    calls[1].group.cancel(ETIMEDOUT);
    run_until([] { return false; }, 30ms);
    stop();
    EXPECT_EQ(calls[0].code(), ECANCELED);
    EXPECT_EQ(calls[1].code(), ETIMEDOUT);
}

TEST_P(ResolverTest, refuses_work_after_it_stopped) {
    struct Stop {
        static io::Task<void> run(Resolver& resolver) { co_await resolver.stop(); }
    };
    io::TaskGroup group;
    group.spawn(Stop::run(*resolver_));
    ASSERT_TRUE(run_until([&] { return group.empty(); }));
    EXPECT_EQ(code("name.test"), ECANCELED);
}

TEST_P(ResolverTest, goes_on_with_the_systems_servers_after_a_bad_list) {
    for (const std::string bad :
         {"nonsense", "1.2.3", "127.0.0.1:53,nonsense", "127.0.0.1:99999", "127.0.0.1:x", ","}) {
        testing::internal::CaptureStdout();
        log::set_output(log::Output::standard_out);
        make({.nameservers = bad});
        log::set_output(log::Output::discard);
        const std::string output = testing::internal::GetCapturedStdout();
        EXPECT_NE(output.find("failed to set nameserver `" + bad + "': Misformatted string"),
                  std::string::npos)
            << output;
        EXPECT_EQ(resolve("localhost").has_value(), true);
    }
}

TEST_P(ResolverTest, takes_lists_of_servers) {
    server_.add("name.test", {.addresses = list({"192.0.2.1"})});
    make({.nameservers = server_.address() + "," + server_.address(), .timeout = 300ms});
    EXPECT_TRUE(resolve("name.test"));
    // Nobody listens at the first.
    make({.nameservers = "[::1]:1," + server_.address(), .timeout = 300ms});
    EXPECT_TRUE(resolve("name.test"));
}

INSTANTIATE_TEST_SUITE_P(Engines, ResolverTest, testing::ValuesIn(engines()),
                         [](const auto& tested) {
                             return tested.param == io::EngineChoice::epoll ? "epoll" : "uring";
                         });

}  // namespace
}  // namespace neosocksd::net
