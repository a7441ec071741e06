#include "proto/upstream.h"

#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

constexpr const char* kHops[] = {"http://hop", "socks4a://hop", "socks5://hop"};

TEST(UpstreamMachine, refuses_unsafe_names_before_anything_is_sent) {
    struct Row {
        std::string name;
        const char* why;
    };
    const Row kRows[] = {
        {"", "empty host name"},
        {std::string(256, 'n'), "host name too long"},
        {"a\r\nX-Evil: b", "host name with blanks or control bytes"},
        {std::string("a\0b", 3), "host name with blanks or control bytes"},
        {"a b", "host name with blanks or control bytes"},
        {"a\x7f", "host name with blanks or control bytes"},
    };
    for (const char* hop : kHops) {
        for (const Row& row : kRows) {
            SCOPED_TRACE(hop + shown(row.name));
            conversation(upstream(hop, HostPort::named(row.name, 80)))
                .fails(Reply::general_failure, row.why);
        }
    }
}

TEST(UpstreamMachine, sends_a_name_that_spells_an_address_as_an_address) {
    conversation(upstream("socks5://hop", HostPort::named("192.0.2.1", 80)))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(hex("05 01 00 01 c0000201 0050"))
        .waits();
    conversation(upstream("http://hop", HostPort::named("::1", 80)))
        .sends("CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
        .waits();
}

TEST(UpstreamMachine, does_not_send_a_scope) {
    conversation(upstream("http://hop", HostPort::literal({*IpAddress::parse("fe80::1%7"), 80})))
        .sends("CONNECT [fe80::1]:80 HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n")
        .waits();
}

TEST(UpstreamMachine, accepts_a_name_of_255_bytes) {
    const HostPort target = HostPort::named(std::string(255, 'n'), 80);
    for (const char* hop : kHops) {
        UpstreamMachine machine = upstream(hop, target)();
        EXPECT_EQ(machine.start(), UpstreamNext::need_bytes);
    }
}

TEST(UpstreamMachine, fails_when_the_hop_closes) {
    for (const char* hop : kHops) {
        UpstreamMachine machine = upstream(hop, "example.org:443")();
        EXPECT_EQ(machine.start(), UpstreamNext::need_bytes);
        EXPECT_EQ(machine.closed(), UpstreamNext::failed);
        EXPECT_EQ(machine.reply(), Reply::general_failure);
        EXPECT_EQ(machine.failure(), "proxy closed the connection");
        EXPECT_EQ(machine.fault(), UpstreamFault::closed);
    }
}

}  // namespace
}  // namespace neosocksd::proto
