// What tests/e2e can not wait for: the idle limit, the memory of names, the ports that are ours.

#include "proxy/udp_association.h"

#include "io/engine_fixture.h"
#include "net/udp_socket.h"

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

const IpAddress kLoopback = IpAddress::parse("127.0.0.1").value();

class UdpAssociationTest : public io::EngineTest {
protected:
    void TearDown() override {
        tasks.spawn(end());
        EXPECT_TRUE(io::run_until(loop, [&] { return ended; }));
    }
    io::Task<void> end() {
        co_await resolver.stop();
        ended = true;
    }

    Services services() {
        return {.loop = loop,
                .resolver = resolver,
                .dialer = dialer,
                .relays = relays,
                .batch = batch,
                .admission = admission,
                .udp_ports = ports,
                .policy = policy,
                .outgoing = outgoing,
                .timeout = 10s};
    }

    // Runs an association of `idle` until it ends.
    io::Task<void> run(io::Socket& control, io::Duration idle) {
        UdpAssociation association(services(), tasks.scope(), control, {kLoopback, 0}, nullptr,
                                   idle);
        const HostPort anywhere = HostPort::literal({});
        const net::DialRequest request{
            .target = anywhere, .origin = net::Origin::client, .chain = {}};
        const auto bound = co_await association.open(request);
        EXPECT_TRUE(bound);
        if (!bound) co_return;
        front = *bound;
        reason = std::string(co_await association.run());
        summary = association.summary();
    }

    net::Resolver resolver{loop, {}};
    net::EgressPolicy policy{net::BlockSet{}};
    net::OutgoingOptions outgoing;
    net::Dialer dialer{loop, resolver, policy, outgoing};
    net::RelayContext relays{loop, net::RelayMode::adaptive, 0};
    net::UdpBatch batch;
    net::Admission admission{net::AdmissionLimits{}};
    net::OwnPorts ports;
    io::TaskGroup tasks;
    Endpoint front;
    std::string reason;
    std::string summary;
    bool ended = false;
};

io::Peer client_of(const Endpoint& front) {
    io::Peer client(net::connect_udp(front, {}).value());
    return client;
}

TEST_P(UdpAssociationTest, ends_when_idle) {
    io::Pair tcp = io::tcp_pair();
    io::OpenSocket control(loop, tcp.near);
    tasks.spawn(run(control, 100ms));
    EXPECT_TRUE(io::run_until(loop, [&] { return !reason.empty(); }));
    EXPECT_EQ(reason, "idle");
    EXPECT_EQ(admission.descriptors_in_use(), 0);
    EXPECT_FALSE(ports.contains(front));
}

TEST_P(UdpAssociationTest, datagrams_keep_it_alive) {
    io::Pair tcp = io::tcp_pair();
    io::OpenSocket control(loop, tcp.near);
    io::OpenSocket target(loop, net::open_udp(kLoopback).value());
    tasks.spawn(run(control, 300ms));
    io::Peer client = client_of(front);
    const std::string datagram =
        proto::udp_header(HostPort::literal(io::local_endpoint(target.fd()).value())) + "x";
    const auto begun = io::Clock::now();
    while (io::Clock::now() - begun < 900ms) {
        client.send(datagram);
        loop.run_once(50ms);
        ASSERT_EQ(reason, "");
    }
    EXPECT_TRUE(io::run_until(loop, [&] { return !reason.empty(); }));
    EXPECT_EQ(reason, "idle");
}

TEST_P(UdpAssociationTest, does_not_speak_to_other_associations) {
    io::Pair tcp = io::tcp_pair();
    io::OpenSocket control(loop, tcp.near);
    tasks.spawn(run(control, 30s));
    const Endpoint own = front;
    EXPECT_TRUE(ports.contains(own));
    io::Peer client = client_of(own);
    client.send(proto::udp_header(HostPort::literal(own)) + "loop");
    io::turn(loop, 20);
    tcp.far.close();
    EXPECT_TRUE(io::run_until(loop, [&] { return !reason.empty(); }));
    EXPECT_EQ(reason, "the client left");
    EXPECT_EQ(summary, "datagrams up=0 down=0, dropped=1 (blocked=1)");
}

TEST_P(UdpAssociationTest, ends_with_the_scope_it_lives_in) {
    io::Pair tcp = io::tcp_pair();
    io::OpenSocket control(loop, tcp.near);
    tasks.spawn(run(control, 30s));
    loop.run_once(0ms);
    tasks.cancel();
    EXPECT_TRUE(io::run_until(loop, [&] { return !reason.empty(); }));
    EXPECT_EQ(reason, "stopped");
    EXPECT_EQ(summary, "datagrams up=0 down=0");
}

ON_BOTH_ENGINES(UdpAssociationTest);

TEST(UdpNamesTest, keeps_an_address_while_it_is_used) {
    UdpNames names;
    io::TimePoint now{};
    EXPECT_EQ(names.find("a", now), nullptr);
    names.store("a", kLoopback, now);
    for (int i = 0; i < 5; i++) {
        now += limits::kUdpNameTime;
        ASSERT_NE(names.find("a", now), nullptr) << i;
        EXPECT_EQ(*names.find("a", now), kLoopback);
    }
    now += limits::kUdpNameTime + 1s;
    EXPECT_EQ(names.find("a", now), nullptr);
    names.store("a", IpAddress::parse("::1").value(), now);
    EXPECT_EQ(*names.find("a", now), IpAddress::parse("::1").value());
}

TEST(UdpNamesTest, forgets_the_name_used_longest_ago) {
    UdpNames names;
    io::TimePoint now{};
    for (std::size_t i = 0; i < limits::kUdpNames; i++)
        names.store(std::to_string(i), kLoopback, now += 1s);
    EXPECT_NE(names.find("0", now += 1s), nullptr);
    names.store("new", kLoopback, now += 1s);
    EXPECT_NE(names.find("0", now), nullptr);
    EXPECT_EQ(names.find("1", now), nullptr);
    EXPECT_NE(names.find("new", now), nullptr);
}

}  // namespace
}  // namespace neosocksd::proxy
