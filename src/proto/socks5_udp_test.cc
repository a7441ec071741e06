#include "proto/socks5_udp.h"

#include "base/limits.h"
#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

using namespace std::chrono_literals;
using TimePoint = UdpReassembly::TimePoint;

const HostPort kTarget = HostPort::parse("192.0.2.1:53").value();

TEST(Socks5Udp, reads_every_kind_of_address) {
    struct Row {
        std::string bytes;
        const char* target;
    };
    const Row kRows[] = {
        {hex("0000 00 01 c0000201 0035"), "192.0.2.1:53"},
        {hex("0000 00 04 20010db8000000000000000000000001 0035"), "[2001:db8::1]:53"},
        {hex("0000 00 03 0b") + "example.org" + hex("0035"), "example.org:53"},
        {hex("ffff 00 01 c0000201 0035"), "192.0.2.1:53"},
    };
    for (const Row& row : kRows) {
        const auto header = parse_udp_header(row.bytes + "payload");
        ASSERT_TRUE(header) << row.target;
        EXPECT_EQ(header->target.to_string(), row.target);
        EXPECT_EQ(header->size, row.bytes.size());
        EXPECT_EQ(header->fragment, 0);
        EXPECT_TRUE(parse_udp_header(row.bytes)) << "an empty payload is one";
    }
}

TEST(Socks5Udp, refuses_a_header_cut_anywhere) {
    for (const std::string& bytes : {
             hex("0000 00 01 c0000201 0035"),
             hex("0000 00 04 20010db8000000000000000000000001 0035"),
             hex("0000 00 03 0b") + "example.org" + hex("0035"),
         })
        for (std::size_t size = 0; size < bytes.size(); size++)
            EXPECT_FALSE(parse_udp_header(std::string_view(bytes).substr(0, size))) << size;
}

TEST(Socks5Udp, refuses_what_nobody_could_send_to) {
    EXPECT_FALSE(parse_udp_header(hex("0000 00 02 c0000201 0035"))) << "address type";
    EXPECT_FALSE(parse_udp_header(hex("0000 00 01 c0000201 0000"))) << "port 0";
    EXPECT_FALSE(parse_udp_header(hex("0000 00 03 00 0035"))) << "empty name";
    EXPECT_FALSE(parse_udp_header(hex("0000 00 03 03") + "a\nb" + hex("0035")));
    EXPECT_FALSE(parse_udp_header(hex("0000 00 03 03 610062 0035"))) << "NUL";
}

TEST(Socks5Udp, writes_what_it_reads) {
    for (const char* text : {"192.0.2.1:53", "[2001:db8::1]:65535", "example.org:1"}) {
        const HostPort target = HostPort::parse(text).value();
        const auto header = parse_udp_header(udp_header(target) + "x");
        ASSERT_TRUE(header) << text;
        EXPECT_EQ(header->target, target);
        EXPECT_EQ(header->size, udp_header(target).size());
    }
    EXPECT_EQ(udp_header(HostPort::named(std::string(255, 'n'), 1)).size(), 4u + 1 + 255 + 2);
}

// Adds fragments one second apart.
struct Sequence {
    bool add(std::uint8_t fragment, std::string_view payload, const HostPort& target = kTarget) {
        now += 1s;
        return reassembly.add({.fragment = fragment, .target = target}, payload, now);
    }
    UdpReassembly reassembly;
    TimePoint now{};
};

TEST(Socks5Udp, joins_fragments_in_order) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, "a"));
    EXPECT_FALSE(sequence.add(2, "b"));
    EXPECT_TRUE(sequence.add(0x83, "c"));
    EXPECT_EQ(sequence.reassembly.payload(), "abc");
    EXPECT_EQ(sequence.reassembly.target(), kTarget);
    EXPECT_TRUE(sequence.add(0x81, "alone"));
    EXPECT_EQ(sequence.reassembly.payload(), "alone");
    EXPECT_EQ(sequence.reassembly.discarded(), 0u);
}

TEST(Socks5Udp, joins_as_many_fragments_as_can_be_numbered) {
    Sequence sequence;
    for (int place = 1; place < 127; place++) {
        sequence.now -= 1s;
        EXPECT_FALSE(sequence.add(static_cast<std::uint8_t>(place), "x"));
    }
    EXPECT_TRUE(sequence.add(0xff, "x"));
    EXPECT_EQ(sequence.reassembly.payload(), std::string(127, 'x'));
}

TEST(Socks5Udp, abandons_a_sequence_out_of_order) {
    struct Row {
        const char* what;
        std::vector<std::uint8_t> fragments;
        std::uint64_t discarded;
    };
    const Row kRows[] = {
        {"begins late", {2, 0x83}, 2},        {"a gap", {1, 3, 0x84}, 3},
        {"a repetition", {1, 2, 2, 0x83}, 4}, {"backwards", {1, 2, 3, 2, 0x83}, 5},
        {"place 0", {1, 0x80, 0x82}, 3},      {"a gap before the last", {1, 0x83}, 2},
    };
    for (const Row& row : kRows) {
        Sequence sequence;
        for (const std::uint8_t fragment : row.fragments)
            EXPECT_FALSE(sequence.add(fragment, "x")) << row.what;
        EXPECT_EQ(sequence.reassembly.discarded(), row.discarded) << row.what;
        EXPECT_FALSE(sequence.add(1, "new"));
        EXPECT_TRUE(sequence.add(0x82, "er"));
        EXPECT_EQ(sequence.reassembly.payload(), "newer") << row.what;
        EXPECT_EQ(sequence.reassembly.discarded(), row.discarded) << row.what;
    }
}

TEST(Socks5Udp, begins_anew_with_a_first_fragment) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, "old"));
    EXPECT_FALSE(sequence.add(2, "old"));
    EXPECT_FALSE(sequence.add(1, "a"));
    EXPECT_TRUE(sequence.add(0x82, "b"));
    EXPECT_EQ(sequence.reassembly.payload(), "ab");
    EXPECT_EQ(sequence.reassembly.discarded(), 2u);
}

TEST(Socks5Udp, does_not_join_fragments_to_different_targets) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, "a"));
    EXPECT_FALSE(sequence.add(0x82, "b", HostPort::named("other", 53)));
    EXPECT_EQ(sequence.reassembly.discarded(), 2u);
}

TEST(Socks5Udp, abandons_a_sequence_that_takes_too_long) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, "a"));
    sequence.now += limits::kUdpReassemblyTime;
    EXPECT_FALSE(sequence.add(0x82, "b"));
    EXPECT_EQ(sequence.reassembly.discarded(), 2u);
}

TEST(Socks5Udp, abandons_what_exceeds_a_datagram) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, std::string(limits::kUdpPayloadBytes - 1, 'x')));
    EXPECT_TRUE(sequence.add(0x82, "x"));
    EXPECT_FALSE(sequence.add(1, std::string(limits::kUdpPayloadBytes, 'x')));
    EXPECT_FALSE(sequence.add(0x82, "x"));
    EXPECT_EQ(sequence.reassembly.discarded(), 2u);
}

TEST(Socks5Udp, abandons_a_sequence_when_a_whole_datagram_comes_between) {
    Sequence sequence;
    EXPECT_FALSE(sequence.add(1, "a"));
    sequence.reassembly.abandon();
    EXPECT_FALSE(sequence.add(0x82, "b"));
    EXPECT_EQ(sequence.reassembly.discarded(), 2u);
}

}  // namespace
}  // namespace neosocksd::proto
