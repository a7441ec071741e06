#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

const std::string kRequest = hex("05 01 00 03 0b") + "example.org" + hex("01bb");
const std::string kSuccess = hex("05 00 00 01 00000000 0000");

TEST(Socks5Client, requests_a_name) {
    conversation(upstream("socks5://hop", "example.org:443"))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(kRequest)
        .receives(kSuccess)
        .establishes();
}

TEST(Socks5Client, requests_literals_as_addresses) {
    conversation(upstream("socks5://hop", "192.0.2.1:80"))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(hex("05 01 00 01 c0000201 0050"))
        .waits();
    conversation(upstream("socks5://hop", "[2001:db8::1]:80"))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(hex("05 01 00 04 20010db8000000000000000000000001 0050"))
        .waits();
}

TEST(Socks5Client, authenticates_when_asked) {
    conversation(upstream("socks5://joe:secret@hop", "example.org:443"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 03") + "joe" + hex("06") + "secret")
        .receives(hex("01 00"))
        .sends(kRequest)
        .receives(kSuccess + "banner")
        .establishes("banner");
}

TEST(Socks5Client, does_not_authenticate_unasked) {
    conversation(upstream("socks5://joe:secret@hop", "example.org:443"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 00"))
        .sends(kRequest)
        .receives(kSuccess)
        .establishes();
}

TEST(Socks5Client, sends_absent_credentials_as_empty) {
    conversation(upstream("socks5://joe@hop", "a:1"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 03") + "joe" + hex("00"))
        .waits();
    conversation(upstream("socks5://:pw@hop", "a:1"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 00 02") + "pw")
        .waits();
}

TEST(Socks5Client, accepts_every_kind_of_bound_address) {
    for (const std::string& reply : {
             hex("05 00 00 01 c0000201 0050"),
             hex("05 00 00 04 20010db8000000000000000000000001 0050"),
             hex("05 00 ff 03 03") + "hop" + hex("0050"),
             hex("05 00 00 03 00 0000"),
         }) {
        conversation(upstream("socks5://hop", "example.org:443"))
            .sends(hex("05 01 00"))
            .receives(hex("05 00"))
            .sends(kRequest)
            .receives(reply + "banner")
            .establishes("banner");
    }
}

TEST(Socks5Client, fails_on_a_method_that_was_not_offered) {
    conversation(upstream("socks5://hop", "example.org:443"))
        .sends(hex("05 01 00"))
        .receives(hex("05 02"))
        .fails(Reply::general_failure, "SOCKS5 method not offered: 0x02");
    conversation(upstream("socks5://joe:secret@hop", "example.org:443"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 01"))
        .fails(Reply::general_failure, "SOCKS5 method not offered: 0x01");
}

TEST(Socks5Client, fails_when_authentication_does) {
    conversation(upstream("socks5://hop", "example.org:443"))
        .sends(hex("05 01 00"))
        .receives(hex("05 ff"))
        .fails(Reply::not_allowed, "SOCKS5 authentication methods refused");
    conversation(upstream("socks5://joe:secret@hop", "example.org:443"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 03") + "joe" + hex("06") + "secret")
        .receives(hex("01 01"))
        .fails(Reply::not_allowed, "SOCKS5 authentication failed");
}

TEST(Socks5Client, fails_on_a_wrong_version) {
    conversation(upstream("socks5://hop", "a:1"))
        .sends(hex("05 01 00"))
        .receives("HTTP/1.1 400 Bad Request\r\n\r\n")
        .fails(Reply::general_failure, "invalid SOCKS5 reply: version=0x48");
    conversation(upstream("socks5://joe:secret@hop", "a:1"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 03") + "joe" + hex("06") + "secret")
        .receives(hex("05 00"))
        .fails(Reply::general_failure, "invalid SOCKS5 reply: version=0x05");
}

TEST(Socks5Client, translates_rejections) {
    struct Row {
        const char* reply;
        Reply code;
        const char* why;
    };
    constexpr Row kRows[] = {
        {"05 01 00 01 00000000 0000", Reply::general_failure, "SOCKS5 request rejected: 0x01"},
        {"05 02 00 01 00000000 0000", Reply::not_allowed, "SOCKS5 request rejected: 0x02"},
        {"05 03", Reply::network_unreachable, "SOCKS5 request rejected: 0x03"},
        {"05 04", Reply::host_unreachable, "SOCKS5 request rejected: 0x04"},
        {"05 05", Reply::connection_refused, "SOCKS5 request rejected: 0x05"},
        {"05 06", Reply::ttl_expired, "SOCKS5 request rejected: 0x06"},
        {"05 07", Reply::general_failure, "SOCKS5 request rejected: 0x07"},
        {"05 08", Reply::general_failure, "SOCKS5 request rejected: 0x08"},
        {"05 ff", Reply::general_failure, "SOCKS5 request rejected: 0xff"},
        {"04 00", Reply::general_failure, "invalid SOCKS5 reply: version=0x04"},
        {"05 00 00 02", Reply::general_failure, "invalid SOCKS5 reply: address type 2"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.reply);
        conversation(upstream("socks5://hop", "example.org:443"))
            .sends(hex("05 01 00"))
            .receives(hex("05 00"))
            .sends(kRequest)
            .receives(hex(row.reply))
            .fails(row.code, row.why);
    }
}

TEST(Socks5Client, refuses_credentials_that_do_not_fit) {
    const std::string longest(255, 'x');
    conversation(upstream("socks5://" + longest + ":" + longest + "@hop", "a:1"))
        .sends(hex("05 02 00 02"))
        .waits();
    for (const std::string& userinfo : {longest + "x:p", "u:" + longest + "x"}) {
        conversation(upstream("socks5://" + userinfo + "@hop", "a:1"))
            .fails(Reply::general_failure, "user name or password does not fit into SOCKS5");
    }
}

}  // namespace
}  // namespace neosocksd::proto
