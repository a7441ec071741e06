#include "net/dialer_fixture.h"

namespace neosocksd::net {
namespace {

using Cause = DialFailure::Cause;

ON_BOTH_ENGINES(DialerTest);

TEST_P(DialerTest, reaches_a_literal_address) {
    const io::Listener listener;
    const auto result = reach(HostPort::literal(listener.endpoint()));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, "");
    EXPECT_EQ(*io::peer_endpoint(out.fd()), listener.endpoint());
}

TEST_P(DialerTest, reaches_a_name_at_whichever_of_its_addresses_answers) {
    const io::Listener listener;  // 127.0.0.1 only; localhost is ::1 as well
    ASSERT_TRUE(reach(HostPort::named("localhost", listener.endpoint().port)));
    EXPECT_EQ(*io::peer_endpoint(out.fd()), listener.endpoint());
}

TEST_P(DialerTest, says_why_a_connection_failed) {
    const RefusingPort refusing;
    const auto result = reach(HostPort::literal(refusing.endpoint()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().cause, Cause::connect);
    EXPECT_EQ(result.error().code, ECONNREFUSED);
    EXPECT_EQ(result.error().text,
              "connect `" + refusing.endpoint().to_string() + "': Connection refused");
}

TEST_P(DialerTest, names_the_interface_it_could_not_bind_to) {
    const io::Listener listener;
    options.interface = "nosuchinterface";
    const auto result = reach(HostPort::literal(listener.endpoint()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().cause, Cause::connect);
    EXPECT_EQ(result.error().code, ENODEV);
    EXPECT_NE(result.error().text.find("`nosuchinterface'"), std::string::npos);
}

TEST_P(DialerTest, fails_for_what_is_no_name) {
    for (const char* name : {"", "two words"}) {
        const auto result = reach(HostPort::named(name, 80));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().cause, Cause::unresolved);
        EXPECT_EQ(result.error().code, EINVAL);
    }
}

TEST_P(DialerTest, asks_the_policy_before_it_connects) {
    const io::Listener listener;
    policy = EgressPolicy(BlockSet{.loopback = true});
    for (const HostPort& target : {HostPort::literal(listener.endpoint()),
                                   HostPort::named("localhost", listener.endpoint().port)}) {
        const auto result = reach(target, Origin::operator_);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().cause, Cause::blocked);
    }
    pollfd waiting{.fd = listener.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 0), 0);
}

TEST_P(DialerTest, keeps_clients_away_from_our_own_listeners) {
    const io::Listener listener;
    policy.add_own_listener(listener.endpoint());
    const auto refused = reach(HostPort::literal(listener.endpoint()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().cause, Cause::own_listener);
    EXPECT_TRUE(reach(HostPort::literal(listener.endpoint()), Origin::operator_));
}

TEST_P(DialerTest, treats_a_refused_first_hop_as_a_refused_connection) {
    const RefusingPort refusing;
    chain = chain_urls({proto::ProxyUrl::Scheme::socks5}, refusing.endpoint());
    const auto result = reach(far_target);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().cause, Cause::connect);
    EXPECT_EQ(result.error().code, ECONNREFUSED);
}

TEST_P(DialerTest, lets_itself_be_cancelled_while_it_connects) {
    const SilentPort silent;
    const std::size_t before = open_descriptors();
    const HostPort target = HostPort::literal(silent.endpoint());
    for (const int reason : {ECANCELED, ETIMEDOUT, ECONNRESET}) {
        Started<Result> attempt(loop);
        attempt.start(dial(target));
        io::turn(loop);
        attempt.cancel(reason);
        const auto& result = attempt.wait();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, reason);
        EXPECT_FALSE(out.is_open());
    }
    io::turn(loop);
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace neosocksd::net
