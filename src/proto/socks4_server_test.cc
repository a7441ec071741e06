#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

const std::string kRefused = hex("00 5b 0000 00000000");

TEST(Socks4Server, asks_for_an_ipv4_address) {
    conversation(server())
        .receives(hex("04 01 0050 c0000201") + "joe" + hex("00"))
        .wants({.protocol = Protocol::socks4, .text = "192.0.2.1:80", .username = "joe"});
}

TEST(Socks4Server, asks_for_a_name) {
    conversation(server())
        .receives(hex("04 01 01bb 00000001") + "joe" + hex("00") + "Example.ORG." + hex("00"))
        .wants({.protocol = Protocol::socks4a,
                .text = "Example.ORG.:443",
                .named = true,
                .username = "joe"});
}

TEST(Socks4Server, keeps_a_literal_sent_as_a_name_a_name) {
    conversation(server())
        .receives(hex("04 01 0050 000000ff 00") + "127.0.0.1" + hex("00"))
        .wants({.protocol = Protocol::socks4a,
                .text = "127.0.0.1:80",
                .target = HostPort::named("127.0.0.1", 80),
                .named = true,
                .username = ""});
}

TEST(Socks4Server, takes_all_zeros_for_an_address) {
    conversation(server())
        .receives(hex("04 01 0050 00000000 00"))
        .wants({.protocol = Protocol::socks4, .text = "0.0.0.0:80", .username = ""});
}

TEST(Socks4Server, accepts_an_empty_name) {
    conversation(server())
        .receives(hex("04 01 0050 00000001 00 00"))
        .wants({.protocol = Protocol::socks4a, .text = ":80", .named = true, .username = ""});
}

TEST(Socks4Server, keeps_early_data) {
    conversation(server())
        .receives(hex("04 01 0050 c0000201 00") + "GET / HTTP/1.0\r\n\r\n")
        .wants({.protocol = Protocol::socks4,
                .text = "192.0.2.1:80",
                .username = "",
                .surplus = "GET / HTTP/1.0\r\n\r\n"});
    conversation(server())
        .receives(hex("04 01 0050 00000001 00 61 00 04 01 00"))
        .wants({.protocol = Protocol::socks4a,
                .text = "a:80",
                .named = true,
                .username = "",
                .surplus = hex("04 01 00")});
}

TEST(Socks4Server, does_not_ask_for_a_password) {
    conversation(server({.auth_required = true}))
        .receives(hex("04 01 0050 c0000201 00"))
        .wants({.protocol = Protocol::socks4, .text = "192.0.2.1:80", .username = ""});
}

TEST(Socks4Server, refuses_other_commands) {
    conversation(server({.bind = true}))
        .receives(hex("04 02 0050 c0000201 00"))
        .sends(kRefused)
        .refuses("SOCKS4 command not supported: 2");
    conversation(server())
        .receives(hex("04 00 0050 c0000201"))
        .sends(kRefused)
        .refuses("SOCKS4 command not supported: 0");
}

TEST(Socks4Server, accepts_a_user_id_of_255_bytes) {
    const std::string user(255, 'u');
    conversation(server())
        .receives(hex("04 01 0050 c0000201") + user + hex("00"))
        .wants({.protocol = Protocol::socks4, .text = "192.0.2.1:80", .username = user});
}

TEST(Socks4Server, refuses_a_user_id_longer_than_255) {
    conversation(server())
        .receives(hex("04 01 0050 c0000201") + std::string(256, 'u') + hex("00"))
        .sends(kRefused)
        .refuses("SOCKS4 user id too long");
}

TEST(Socks4Server, accepts_a_name_of_255_bytes) {
    const std::string name(255, 'n');
    conversation(server())
        .receives(hex("04 01 0050 00000001 00") + name + hex("00"))
        .wants(
            {.protocol = Protocol::socks4a, .text = name + ":80", .named = true, .username = ""});
}

TEST(Socks4Server, refuses_a_name_longer_than_255) {
    conversation(server())
        .receives(hex("04 01 0050 00000001 00") + std::string(256, 'n') + hex("00"))
        .sends(kRefused)
        .refuses("SOCKS4A host name too long");
}

TEST(Socks4Server, refuses_control_bytes_in_names) {
    for (const char c : {'\r', '\n', '\t', ' ', '\x01', '\x7f'}) {
        conversation(server())
            .receives(hex("04 01 0050 00000001 00") + "a" + c + "b" + hex("00"))
            .sends(kRefused)
            .refuses("SOCKS4A host name with blanks or control bytes");
    }
}

TEST(Socks4Server, waits_for_the_end_of_its_texts) {
    conversation(server()).receives(hex("04 01 0050 c0000201") + "joe").waits();
    conversation(server()).receives(hex("04 01 0050 00000001 00") + "example").waits();
}

TEST(Socks4Server, replies_with_zeros) {
    EXPECT_EQ(socks4_reply(true), hex("00 5a 0000 00000000"));
    EXPECT_EQ(socks4_reply(false), kRefused);
}

}  // namespace
}  // namespace neosocksd::proto
