#include "net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/limits.h"
#include "net/dial_fixture.h"

namespace neosocksd::net {
namespace {

class ConnectorTest : public io::EngineTest {
protected:
    ConnectorTest() { descriptors = open_descriptors(); }

    void start(const std::vector<Endpoint>& endpoints) {
        candidates.clear();
        for (const Endpoint& endpoint : endpoints) candidates.push_back(vetted(endpoint));
        attempt.start(connect_first(loop, out, candidates, options));
    }
    // The error, with nothing left open of what was not before.
    int failure_of(const std::vector<Endpoint>& endpoints) {
        const std::size_t before = open_descriptors();
        start(endpoints);
        const auto& result = attempt.wait();
        EXPECT_FALSE(result);
        EXPECT_FALSE(out.is_open());
        io::turn(loop);
        EXPECT_EQ(open_descriptors(), before);
        return result ? 0 : result.error().code;
    }
    int option(int level, int name) const {
        int value = 0;
        socklen_t length = sizeof value;
        EXPECT_EQ(::getsockopt(out.fd(), level, name, &value, &length), 0);
        return value;
    }
    void TearDown() override {
        if (out.is_open()) loop.engine().close(out);
    }

    std::size_t descriptors = 0;
    OutgoingOptions options;
    io::Socket out;
    std::vector<VettedEndpoint> candidates;
    Started<Result<VettedEndpoint>> attempt{loop};
};
ON_BOTH_ENGINES(ConnectorTest);

const Endpoint kBroadcast{*IpAddress::parse("255.255.255.255"), 9};  // ENETUNREACH, at once

TEST_P(ConnectorTest, connects_to_the_only_address) {
    const io::Listener listener;
    start({listener.endpoint()});
    const auto& result = attempt.wait();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->endpoint(), listener.endpoint());
    EXPECT_EQ(*io::peer_endpoint(out.fd()), listener.endpoint());
    EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
}

TEST_P(ConnectorTest, sets_the_same_options_on_the_winner_of_a_race) {
    const io::Listener listener;
    start({listener.endpoint(), listener.endpoint()});
    ASSERT_TRUE(attempt.wait());
    EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
}

TEST_P(ConnectorTest, fails_when_the_only_address_refuses) {
    const RefusingPort refusing;
    EXPECT_EQ(failure_of({refusing.endpoint()}), ECONNREFUSED);
}

TEST_P(ConnectorTest, goes_on_to_the_next_address_as_soon_as_one_refuses) {
    const RefusingPort refusing;
    const io::Listener listener;
    start({refusing.endpoint(), kBroadcast, refusing.endpoint(), listener.endpoint()});
    const auto& result = attempt.wait();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->endpoint(), listener.endpoint());
    EXPECT_EQ(*io::peer_endpoint(out.fd()), listener.endpoint());
    io::turn(loop);
    EXPECT_EQ(open_descriptors(), descriptors + 3);
}

TEST_P(ConnectorTest, tries_the_next_address_when_one_keeps_silent) {
    const SilentPort silent;
    const io::Listener listener;
    const std::size_t before = open_descriptors();
    const auto began = io::Clock::now();
    start({silent.endpoint(), listener.endpoint(), silent.endpoint()});
    const auto& result = attempt.wait();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->endpoint(), listener.endpoint());
    EXPECT_GE(io::Clock::now() - began, limits::kConnectStagger);
    io::turn(loop);
    EXPECT_EQ(open_descriptors(), before + 1);  // the loser is closed
}

TEST_P(ConnectorTest, does_not_wait_for_a_silent_address_once_another_has_answered) {
    const SilentPort silent;
    const RefusingPort refusing;
    const io::Listener listener;
    start({silent.endpoint(), refusing.endpoint(), listener.endpoint()});
    const auto& result = attempt.wait();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->endpoint(), listener.endpoint());
}

TEST_P(ConnectorTest, fails_with_the_error_of_the_last_address) {
    const RefusingPort refusing;
    EXPECT_EQ(failure_of({refusing.endpoint(), kBroadcast}), ENETUNREACH);
    EXPECT_EQ(failure_of({kBroadcast, refusing.endpoint()}), ECONNREFUSED);
    EXPECT_EQ(failure_of({kBroadcast, kBroadcast}), ENETUNREACH);
    EXPECT_EQ(failure_of({refusing.endpoint(), refusing.endpoint(), refusing.endpoint()}),
              ECONNREFUSED);
}

TEST_P(ConnectorTest, fails_without_an_address) {
    EXPECT_EQ(failure_of({}), EHOSTUNREACH);
}

TEST_P(ConnectorTest, ends_with_the_reason_of_a_cancellation) {
    const SilentPort silent;
    const RefusingPort refusing;
    const std::vector<std::vector<Endpoint>> rows{
        {silent.endpoint()},
        {silent.endpoint(), silent.endpoint()},
        {refusing.endpoint(), silent.endpoint(), silent.endpoint()},
    };
    const std::size_t before = open_descriptors();
    for (const auto& endpoints : rows) {
        for (const int reason : {ECANCELED, ETIMEDOUT, ECONNRESET}) {
            for (const int turns : {0, 1, 5}) {
                Started<Result<VettedEndpoint>> cancelled(loop);
                candidates.clear();
                for (const Endpoint& endpoint : endpoints) candidates.push_back(vetted(endpoint));
                cancelled.start(connect_first(loop, out, candidates, options));
                io::turn(loop, turns);
                ASSERT_FALSE(cancelled.done());
                cancelled.cancel(reason);
                const auto& result = cancelled.wait();
                ASSERT_FALSE(result);
                EXPECT_EQ(result.error().code, reason);
                EXPECT_FALSE(out.is_open());
            }
        }
    }
    io::turn(loop);
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(ConnectorTest, can_be_cancelled_at_the_moment_it_succeeds) {
    const io::Listener listener;
    const std::size_t before = open_descriptors();
    for (const std::size_t addresses : {std::size_t{1}, std::size_t{2}}) {
        candidates.assign(addresses, vetted(listener.endpoint()));
        Started<Result<VettedEndpoint>> cancelled(loop);
        cancelled.start(connect_first(loop, out, candidates, options));
        // On loopback the connection is there by now, but nobody has been told.
        cancelled.cancel(ECANCELED);
        if (cancelled.wait()) loop.engine().close(out);
        EXPECT_FALSE(out.is_open());
    }
    io::turn(loop);
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(ConnectorTest, does_not_begin_in_a_cancelled_scope) {
    const io::Listener listener;
    attempt.cancel(ETIMEDOUT);
    EXPECT_EQ(failure_of({listener.endpoint()}), ETIMEDOUT);
    EXPECT_EQ(failure_of({listener.endpoint(), listener.endpoint()}), ETIMEDOUT);
}

TEST_P(ConnectorTest, fails_rather_than_leave_by_another_interface) {
    const io::Listener listener;
    options.interface = "nosuchinterface";
    for (const std::vector<Endpoint>& endpoints :
         {std::vector{listener.endpoint()}, {listener.endpoint(), listener.endpoint()}}) {
        EXPECT_EQ(failure_of(endpoints), ENODEV);
        EXPECT_NE(explain_outgoing(attempt.wait().error(), options).find("nosuchinterface"),
                  std::string::npos);
    }
}

TEST_P(ConnectorTest, connects_by_the_interface_that_is_asked_for) {
    const io::Listener listener;
    options.interface = "lo";
    start({listener.endpoint()});
    ASSERT_TRUE(attempt.wait());
    char name[16] = {};
    socklen_t length = sizeof name;
    ASSERT_EQ(::getsockopt(out.fd(), SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
    EXPECT_STREQ(name, "lo");
}

}  // namespace
}  // namespace neosocksd::net
