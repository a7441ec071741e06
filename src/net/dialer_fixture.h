// What the tests of the dialer share: a dialer with a resolver that knows localhost, and a chain.

#pragma once

#include <expected>
#include <string>
#include <vector>

#include "net/chain_fixture.h"
#include "net/dial_fixture.h"
#include "net/dialer.h"

namespace neosocksd::net {

class DialerTest : public io::EngineTest {
protected:
    using Result = std::expected<std::string, DialFailure>;

    io::Task<Result> dial(const HostPort& target, Origin origin = Origin::client,
                          const UnixAddress* socket = nullptr) {
        return dialer.dial(out,
                           {.target = target, .origin = origin, .chain = chain, .socket = socket});
    }
    // Through the fixture's chain, if there is one.
    Result reach(const HostPort& target, Origin origin = Origin::client) {
        Started<Result> attempt(loop);
        attempt.start(dial(target, origin));
        Result result = std::move(attempt.wait());
        EXPECT_EQ(out.is_open(), result.has_value());
        return result;
    }
    void hang_up() {
        if (out.is_open()) loop.engine().close(out);
        io::turn(loop);
    }
    void TearDown() override {
        hang_up();
        Started<bool> stopping(loop);
        stopping.start(stop(resolver));
        stopping.wait();
    }
    static io::Task<bool> stop(Resolver& resolver) {
        co_await resolver.stop();
        co_return true;
    }

    EgressPolicy policy{BlockSet{}};
    OutgoingOptions options;
    Resolver resolver{loop, ResolverOptions{.hosts_path = "/dev/null"}};
    Dialer dialer{loop, resolver, policy, options};
    std::vector<proto::ProxyUrl> chain;
    io::Socket out;
    const HostPort far_target = HostPort::named("target.example", 443);
};

}  // namespace neosocksd::net
