#include "net/udp_batch.h"

#include "io/engine_fixture.h"
#include "net/udp_socket.h"

namespace neosocksd::net {
namespace {

using UdpBatchTest = io::EngineTest;

const IpAddress kLoopback = IpAddress::parse("127.0.0.1").value();
const IpAddress kLoopback6 = IpAddress::parse("::1").value();

// An association's end of things: bound, known to the loop.
struct Bound : io::OpenSocket {
    Bound(io::Loop& loop, const IpAddress& ip) : OpenSocket(loop, open_udp(ip).value()) {}
    Endpoint endpoint() const { return io::local_endpoint(fd()).value(); }
};

// Receives until `count` datagrams have come.
std::vector<std::string> collect(io::Loop& loop, UdpBatch& batch, io::Socket& socket,
                                 std::size_t count) {
    std::vector<std::string> found;
    while (found.size() < count) {
        io::TestOp op(loop);
        op.poll(socket, io::Readiness::readable);
        EXPECT_EQ(op.wait(), 0);
        const auto got = batch.receive(socket);
        EXPECT_TRUE(got) << got.error().to_string();
        if (!got) break;
        for (std::size_t i = 0; i < *got; i++) found.emplace_back(batch.bytes(i));
    }
    return found;
}

TEST_P(UdpBatchTest, moves_datagrams_whole) {
    UdpBatch batch;
    Bound from(loop, kLoopback);
    Bound to(loop, kLoopback);
    const Endpoint target = to.endpoint();
    const std::string longest(limits::kUdpPayloadBytes - 4, 'x');
    for (const std::string& payload : {std::string("one"), std::string(), longest}) {
        UdpTally tally;
        batch.add_with_head(&target, "head", payload);
        batch.flush(from, tally);
        EXPECT_EQ(tally.datagrams, 1u);
        EXPECT_EQ(tally.bytes, payload.size());
        const auto found = collect(loop, batch, to, 1);
        EXPECT_EQ(found.front(), "head" + payload);
        EXPECT_EQ(batch.source(0), from.endpoint());
    }
}

TEST_P(UdpBatchTest, moves_many_at_once) {
    UdpBatch batch;
    Bound from(loop, kLoopback);
    Bound to(loop, kLoopback);
    const Endpoint target = to.endpoint();
    UdpTally tally;
    std::vector<std::string> sent;
    for (std::size_t i = 0; i < 3 * limits::kUdpBatch; i++) sent.push_back(std::to_string(i));
    for (std::size_t i = 0; i < sent.size(); i++) {
        batch.add(&target, {}, sent[i]);
        if (i % limits::kUdpBatch == limits::kUdpBatch - 1) batch.flush(from, tally);
    }
    EXPECT_EQ(tally.datagrams, sent.size());
    EXPECT_EQ(collect(loop, batch, to, sent.size()), sent);
    EXPECT_EQ(batch.receive(to).value(), 0u);
}

TEST_P(UdpBatchTest, counts_what_can_not_be_sent_and_sends_the_rest) {
    UdpBatch batch;
    Bound from(loop, kLoopback);
    Bound to(loop, kLoopback);
    const Endpoint target = to.endpoint();
    const Endpoint nowhere{kLoopback6, 9};  // not for an IPv4 socket
    const std::string too_long(limits::kUdpPayloadBytes, 'x');
    UdpTally tally;
    batch.add(&target, {}, "first");
    batch.add(&target, "h", too_long);
    batch.add(&nowhere, {}, "lost");
    batch.add(&target, {}, "last");
    batch.flush(from, tally);
    EXPECT_EQ(tally.datagrams, 2u);
    EXPECT_EQ(tally.oversize, 1u);
    EXPECT_EQ(tally.unsent, 1u);
    EXPECT_EQ(collect(loop, batch, to, 2), (std::vector<std::string>{"first", "last"}));
}

TEST_P(UdpBatchTest, speaks_both_families_through_one_socket) {
    UdpBatch batch;
    const auto opened = open_outgoing_udp({});
    ASSERT_TRUE(opened);
    ASSERT_GE(opened->dual, 0) << "no IPv6 here";
    io::OpenSocket dual(loop, opened->dual);
    for (const IpAddress& ip : {kLoopback, kLoopback6}) {
        Bound to(loop, ip);
        const Endpoint target = mapped(to.endpoint());
        UdpTally tally;
        batch.add(&target, {}, "there");
        batch.flush(dual, tally);
        EXPECT_EQ(tally.datagrams, 1u);
        EXPECT_EQ(collect(loop, batch, to, 1).front(), "there");
        const Endpoint back = batch.source(0);
        EXPECT_EQ(back.ip, ip);
        batch.add(&back, {}, "back");
        batch.flush(to, tally);
        EXPECT_EQ(collect(loop, batch, dual, 1).front(), "back");
        EXPECT_EQ(batch.source(0), to.endpoint()) << "unmapped";
    }
}

TEST_P(UdpBatchTest, has_a_socket_for_each_source_address) {
    const OutgoingOptions options{.interface = {}, .source = {kLoopback, kLoopback6}};
    const auto opened = open_outgoing_udp(options);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->dual, -1);
    ASSERT_GE(opened->v4, 0);
    ASSERT_GE(opened->v6, 0);
    const io::OpenSocket v4(loop, opened->v4);
    const io::OpenSocket v6(loop, opened->v6);
    EXPECT_EQ(io::local_endpoint(v4.fd())->ip, kLoopback);
    EXPECT_EQ(io::local_endpoint(v6.fd())->ip, kLoopback6);
}

TEST_P(UdpBatchTest, tries_again_after_a_refusal_of_an_earlier_datagram) {
    UdpBatch batch;
    UdpTally tally;
    Endpoint gone;
    {
        Bound to(loop, kLoopback);
        gone = to.endpoint();
    }
    turn(loop);
    io::OpenSocket from(loop, connect_udp(gone, {}).value());
    batch.add(nullptr, {}, "refused");
    batch.flush(from, tally);
    io::await_events(from.fd(), POLLERR);
    batch.add(nullptr, {}, "sent");
    batch.flush(from, tally);
    EXPECT_EQ(tally.datagrams, 2u);
    EXPECT_EQ(tally.unsent, 0u);
}

TEST(UdpSocketTest, knows_the_address_that_reaches_a_peer) {
    EXPECT_EQ(outgoing_address(kLoopback, {}).value(), kLoopback);
    EXPECT_EQ(outgoing_address(kLoopback6, {}).value(), kLoopback6);
    const OutgoingOptions elsewhere{.interface = {}, .source = {kLoopback, std::nullopt}};
    EXPECT_FALSE(outgoing_address(kLoopback6, elsewhere)) << "no source of that family";
}

ON_BOTH_ENGINES(UdpBatchTest);

}  // namespace
}  // namespace neosocksd::net
