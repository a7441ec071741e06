#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

const std::string kConnectV4 = hex("05 01 00 01 c0000201 0050");

std::string failed(Reply reply) {
    return hex("05") + static_cast<char>(reply) + hex("00 01 00000000 0000");
}

TEST(Socks5Server, asks_for_an_ipv4_address) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(kConnectV4)
        .wants({.text = "192.0.2.1:80"});
}

TEST(Socks5Server, asks_for_an_ipv6_address) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 04 20010db8000000000000000000000001 ffff"))
        .wants({.text = "[2001:db8::1]:65535"});
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 04 00000000000000000000ffff7f000001 0050"))
        .wants({.text = "[::ffff:127.0.0.1]:80"});
}

TEST(Socks5Server, asks_for_a_name) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 03 0c") + "Example.ORG." + hex("01bb"))
        .wants({.text = "Example.ORG.:443", .named = true});
}

TEST(Socks5Server, keeps_a_literal_sent_as_a_name_a_name) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 03 09") + "127.0.0.1" + hex("0050"))
        .wants({.text = "127.0.0.1:80", .target = HostPort::named("127.0.0.1", 80), .named = true});
}

TEST(Socks5Server, accepts_names_of_0_and_255_bytes) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 03 00 0050"))
        .wants({.text = ":80", .named = true});
    const std::string name(255, '\xfe');
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 03 ff") + name + hex("0050"))
        .wants({.text = name + ":80", .named = true});
}

TEST(Socks5Server, ignores_the_reserved_byte) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 ff 01 c0000201 0050"))
        .wants({.text = "192.0.2.1:80"});
}

TEST(Socks5Server, keeps_early_data) {
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(kConnectV4 + "\x16\x03\x01")
        .wants({.text = "192.0.2.1:80", .surplus = "\x16\x03\x01"});
}

TEST(Socks5Server, chooses_the_first_method_it_knows) {
    struct Row {
        const char* methods;
        bool auth_required;
        const char* answer;
    };
    constexpr Row kRows[] = {
        {"00", false, "00"},    {"02", false, "02"},    {"00 02", false, "00"},
        {"02 00", false, "02"}, {"01 00", false, "00"}, {"01 80 02 00", false, "02"},
        {"01", false, "ff"},    {"", false, "ff"},      {"00", true, "ff"},
        {"02", true, "02"},     {"00 02", true, "02"},  {"02 00", true, "02"},
        {"", true, "ff"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.methods);
        const std::string methods = hex(row.methods);
        const auto greeting = hex("05") + static_cast<char>(methods.size()) + methods;
        auto talk = conversation(server({.auth_required = row.auth_required}));
        talk.receives(greeting).sends(hex("05") + hex(row.answer));
        if (row.answer == std::string_view("ff")) {
            talk.refuses("no acceptable SOCKS5 authentication method");
        } else {
            talk.waits();
        }
    }
}

TEST(Socks5Server, hands_credentials_on) {
    conversation(server())
        .receives(hex("05 01 02"))
        .sends(hex("05 02"))
        .receives(hex("01 03") + "joe" + hex("06") + "secret")
        .sends(hex("01 00"))
        .receives(kConnectV4)
        .wants({.text = "192.0.2.1:80", .username = "joe", .password = "secret"});
    const std::string longest(255, 'x');
    conversation(server({.auth_required = true}))
        .receives(hex("05 02 00 02"))
        .sends(hex("05 02"))
        .receives(hex("01 ff") + longest + hex("ff") + longest)
        .sends(hex("01 00"))
        .receives(kConnectV4 + "early")
        .wants(
            {.text = "192.0.2.1:80", .username = longest, .password = longest, .surplus = "early"});
}

TEST(Socks5Server, refuses_empty_credentials) {
    for (const char* message : {"01 00 01 61", "01 01 61 00", "01 00 00"}) {
        SCOPED_TRACE(message);
        conversation(server())
            .receives(hex("05 01 02"))
            .sends(hex("05 02"))
            .receives(hex(message))
            .sends(hex("01 01"))
            .refuses("empty SOCKS5 user name or password");
    }
}

TEST(Socks5Server, closes_on_a_wrong_version) {
    conversation(server())
        .receives(hex("05 01 02"))
        .sends(hex("05 02"))
        .receives(hex("05 01 61 01 61"))
        .refuses("invalid SOCKS5 authentication: version=0x05");
    conversation(server())
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("04 01 00 01 c0000201 0050"))
        .refuses("invalid SOCKS message: version=0x04");
}

// As soon as four bytes are there, and the command before the address type.
TEST(Socks5Server, refuses_commands_and_address_types_it_does_not_know) {
    struct Row {
        const char* request;
        Reply reply;
        const char* why;
    };
    constexpr Row kRows[] = {
        {"05 02 00 01", Reply::command_not_supported, "SOCKS5 command not supported: 2"},
        {"05 03 00 01", Reply::command_not_supported, "SOCKS5 command not supported: 3"},
        {"05 00 00 01", Reply::command_not_supported, "SOCKS5 command not supported: 0"},
        {"05 ff 00 09", Reply::command_not_supported, "SOCKS5 command not supported: 255"},
        {"05 01 00 00", Reply::address_type_not_supported, "SOCKS5 address type not supported: 0"},
        {"05 01 00 02", Reply::address_type_not_supported, "SOCKS5 address type not supported: 2"},
        {"05 01 00 05 c0000201 0050", Reply::address_type_not_supported,
         "SOCKS5 address type not supported: 5"},
    };
    for (const Row& row : kRows) {
        conversation(server())
            .receives(hex("05 01 00"))
            .sends(hex("05 00"))
            .receives(hex(row.request))
            .sends(failed(row.reply))
            .refuses(row.why);
    }
}

TEST(Socks5Server, hands_other_commands_on_where_enabled) {
    conversation(server({.bind = true}))
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 02 00 01 c0000201 0050"))
        .wants({.command = Command::bind, .text = "192.0.2.1:80"});
    conversation(server({.udp_associate = true}))
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 03 00 01 00000000 0000"))
        .wants({.command = Command::udp_associate, .text = "0.0.0.0:0"});
    conversation(server({.bind = true}))
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 03 00 01"))
        .sends(failed(Reply::command_not_supported))
        .refuses("SOCKS5 command not supported: 3");
}

TEST(Socks5Server, refuses_control_bytes_in_names) {
    for (const char c : {'\0', '\r', '\n', ' ', '\x7f'}) {
        conversation(server())
            .receives(hex("05 01 00"))
            .sends(hex("05 00"))
            .receives(hex("05 01 00 03 03") + "a" + c + "b" + hex("0050"))
            .sends(failed(Reply::general_failure))
            .refuses("SOCKS5 host name with blanks or control bytes");
    }
}

TEST(Socks5Server, replies_with_the_bound_address) {
    const Endpoint v4{*IpAddress::parse("192.0.2.1"), 80};
    const Endpoint v6{*IpAddress::parse("2001:db8::1"), 443};
    EXPECT_EQ(socks5_reply(Reply::succeeded, &v4), hex("05 00 00 01 c0000201 0050"));
    EXPECT_EQ(socks5_reply(Reply::succeeded, &v6),
              hex("05 00 00 04 20010db8000000000000000000000001 01bb"));
    EXPECT_EQ(socks5_reply(Reply::succeeded, nullptr), failed(Reply::succeeded));
    EXPECT_EQ(socks5_reply(Reply::ttl_expired, nullptr), failed(Reply::ttl_expired));
}

}  // namespace
}  // namespace neosocksd::proto
