// What tests/e2e can not wait for: a chain of the rules that is given up when idle, while the
// association goes on, and asked for again.

#include <array>
#include <atomic>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>

#include "io/engine_fixture.h"
#include "net/udp_socket.h"
#include "proto/socks5_server.h"
#include "proxy/udp_association.h"
#include "ruleset/vm_fixture.h"

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

const IpAddress kLoopback = IpAddress::parse("127.0.0.1").value();

// A SOCKS5 hop whose relay is a socket of the test.
class RelayHop {
public:
    explicit RelayHop(const Endpoint& relay) : relay_(relay), thread_([this] { serve(); }) {}
    ~RelayHop() {
        ::shutdown(listener_.fd(), SHUT_RDWR);
        thread_.join();
    }
    std::string url() const { return "socks5://" + listener_.endpoint().to_string(); }

    std::atomic<int> associations = 0;
    std::atomic<int> ended = 0;

private:
    void serve() {
        ::fcntl(listener_.fd(), F_SETFL, 0);  // a thread waits
        for (;;) {
            const int fd = ::accept(listener_.fd(), nullptr, nullptr);
            if (fd < 0) return;
            io::Peer peer(fd);
            std::array<char, 64> bytes;
            if (::recv(fd, bytes.data(), 3, MSG_WAITALL) != 3) return;
            peer.send(std::string_view("\5\0", 2));
            if (::recv(fd, bytes.data(), 10, MSG_WAITALL) != 10) return;
            associations++;
            peer.send(proto::socks5_reply(proto::Reply::succeeded, &relay_));
            while (::recv(fd, bytes.data(), bytes.size(), 0) > 0) {
            }
            ended++;
        }
    }

    const Endpoint relay_;
    io::Listener listener_;
    std::thread thread_;
};

class UdpChainsTest : public ruleset::VmTest {
protected:
    void TearDown() override {
        tasks.spawn(resolver.stop());
        EXPECT_TRUE(io::run_until(loop, [&] { return tasks.empty(); }));
    }

    io::Task<void> associate(io::Socket& control, io::Duration idle) {
        const Services services{.loop = loop,
                                .resolver = resolver,
                                .dialer = dialer,
                                .relays = relays,
                                .batch = batch,
                                .admission = admission,
                                .udp_ports = ports,
                                .policy = policy,
                                .outgoing = outgoing,
                                .timeout = 10s};
        const std::vector<proto::ProxyUrl> none;
        UdpAssociation association(services, tasks.scope(), control, {kLoopback, 0},
                                   std::make_unique<UdpRules>(rules, ruleset::Request{}, none),
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

    ruleset::Rules rules{*vm, loop};
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
};

TEST_F(UdpChainsTest, an_idle_chain_is_given_up_and_asked_for_again) {
    io::OpenSocket relay(loop, net::open_udp(kLoopback).value());
    io::OpenSocket target(loop, net::open_udp(kLoopback).value());
    RelayHop hop(io::local_endpoint(relay.fd()).value());
    run("_G.ruleset = {route = function(a) if a == '192.0.2.1:53' then return a, '" + hop.url() +
        "' end return a end}");
    io::Pair tcp = io::tcp_pair();
    io::OpenSocket control(loop, tcp.near);
    tasks.spawn(associate(control, 400ms));
    io::Peer client(net::connect_udp(front, {}).value());
    const std::string far =
        proto::udp_header(HostPort::literal({IpAddress::parse("192.0.2.1").value(), 53})) + "far";
    const std::string near =
        proto::udp_header(HostPort::literal(io::local_endpoint(target.fd()).value())) + "near";
    const auto arrived = [&] {
        std::array<char, 64> bytes;
        return ::recv(relay.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT) ==
               static_cast<ssize_t>(far.size());
    };
    const std::int64_t before = admission.descriptors_in_use();
    client.send(far);
    ASSERT_TRUE(io::run_until(loop, arrived));
    EXPECT_EQ(admission.descriptors_in_use(), before + 2);
    ASSERT_TRUE(io::run_until(loop, [&] {
        client.send(near);
        return hop.ended == 1;
    }));
    EXPECT_EQ(admission.descriptors_in_use(), before);
    EXPECT_EQ(reason, "");
    client.send(far);
    ASSERT_TRUE(io::run_until(loop, arrived));
    EXPECT_EQ(hop.associations, 2);
    tcp.far.close();
    EXPECT_TRUE(io::run_until(loop, [&] { return !reason.empty(); }));
    EXPECT_EQ(reason, "the client left");
    EXPECT_EQ(summary.find("dropped"), std::string::npos) << summary;
}

}  // namespace
}  // namespace neosocksd::proxy
