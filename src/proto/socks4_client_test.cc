#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

const std::string kGranted = hex("00 5a 0000 00000000");

TEST(Socks4Client, requests_an_ipv4_address) {
    conversation(upstream("socks4a://hop", "192.0.2.1:80"))
        .sends(hex("04 01 0050 c0000201 00"))
        .receives(kGranted)
        .establishes();
}

TEST(Socks4Client, requests_a_name) {
    conversation(upstream("socks4a://joe:unused@hop", "example.org:443"))
        .sends(hex("04 01 01bb 000000ff") + "joe" + hex("00") + "example.org" + hex("00"))
        .receives(kGranted + "banner")
        .establishes("banner");
}

TEST(Socks4Client, requests_as_a_name_what_is_no_socks4_address) {
    conversation(upstream("socks4a://hop", "[2001:db8::1]:80"))
        .sends(hex("04 01 0050 000000ff 00") + "2001:db8::1" + hex("00"))
        .waits();
    // As an address it would announce a name that never comes.
    conversation(upstream("socks4a://hop", "0.0.0.5:80"))
        .sends(hex("04 01 0050 000000ff 00") + "0.0.0.5" + hex("00"))
        .waits();
}

TEST(Socks4Client, ignores_address_and_port_of_the_reply) {
    conversation(upstream("socks4a://hop", "192.0.2.1:80"))
        .sends(hex("04 01 0050 c0000201 00"))
        .receives(hex("00 5a ffff ffffffff"))
        .establishes();
}

TEST(Socks4Client, translates_rejections) {
    struct Row {
        const char* reply;
        Reply code;
        const char* why;
    };
    constexpr Row kRows[] = {
        {"00 5b 0000 00000000", Reply::connection_refused, "SOCKS4 request rejected: 0x5b"},
        {"00 5c 0000 00000000", Reply::not_allowed, "SOCKS4 request rejected: 0x5c"},
        {"00 5d 0000 00000000", Reply::not_allowed, "SOCKS4 request rejected: 0x5d"},
        {"00 00", Reply::general_failure, "SOCKS4 request rejected: 0x00"},
        {"04 5a 0000 00000000", Reply::general_failure, "invalid SOCKS4 reply: version=0x04"},
        {"48", Reply::general_failure, "invalid SOCKS4 reply: version=0x48"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.reply);
        conversation(upstream("socks4a://hop", "192.0.2.1:80"))
            .sends(hex("04 01 0050 c0000201 00"))
            .receives(hex(row.reply))
            .fails(row.code, row.why);
    }
}

TEST(Socks4Client, refuses_a_user_name_that_does_not_fit) {
    conversation(upstream("socks4a://a%00b@hop", "a:1"))
        .fails(Reply::general_failure, "user name does not fit into SOCKS4");
    conversation(upstream("socks4a://" + std::string(256, 'u') + "@hop", "a:1"))
        .fails(Reply::general_failure, "user name does not fit into SOCKS4");
}

}  // namespace
}  // namespace neosocksd::proto
