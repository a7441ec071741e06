#include "proto/server.h"

#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

constexpr std::string_view kConnect = "CONNECT a:1 HTTP/1.1\r\n\r\n";
constexpr ServerOptions kMixed = {.socks = true, .http = true};

TEST(ServerMachine, recognises_all_protocols_on_a_mixed_port) {
    conversation(server(kMixed))
        .receives(kConnect)
        .wants({.protocol = Protocol::http, .text = "a:1", .named = true});
    conversation(server(kMixed))
        .receives("connect a:1 HTTP/1.1\r\n\r\n")
        .sends(http_error_page(400, test_clock()))
        .refuses("HTTP target is no http:// URL");
    conversation(server(kMixed))
        .receives(hex("04 01 0050 c0000201 00"))
        .wants({.protocol = Protocol::socks4, .text = "192.0.2.1:80", .username = ""});
    conversation(server(kMixed))
        .receives(hex("05 01 00"))
        .sends(hex("05 00"))
        .receives(hex("05 01 00 01 c0000201 0050"))
        .wants({.text = "192.0.2.1:80"});
}

TEST(ServerMachine, closes_on_anything_else_on_a_mixed_port) {
    conversation(server(kMixed))
        .receives(hex("16 03 01"))
        .refuses("unknown protocol: first byte 0x16");
    conversation(server(kMixed)).receives("!").refuses("unknown protocol: first byte 0x21");
}

TEST(ServerMachine, speaks_only_socks_on_a_socks_port) {
    conversation(server()).receives("GET / ").refuses("invalid SOCKS message: version=0x47");
    conversation(server()).receives(hex("06")).refuses("invalid SOCKS message: version=0x06");
    conversation(server()).receives(hex("00")).refuses("invalid SOCKS message: version=0x00");
}

TEST(ServerMachine, speaks_only_http_on_an_http_port) {
    conversation(server({.socks = false, .http = true}))
        .receives(hex("05 01 00"))
        .sends(http_error_page(400, test_clock()))
        .refuses("malformed HTTP request");
}

TEST(ServerMachine, knows_the_protocol_from_the_first_byte) {
    ServerMachine machine = server(kMixed)();
    EXPECT_EQ(machine.protocol(), Protocol::none);
    EXPECT_FALSE(machine.started());
    EXPECT_EQ(machine.feed("C"), Next::need_bytes);
    EXPECT_EQ(machine.protocol(), Protocol::http);
    EXPECT_TRUE(machine.started());
}

TEST(ServerMachine, collects_what_comes_while_dialing) {
    ServerMachine machine = server(kMixed)();
    EXPECT_EQ(machine.feed(std::string(kConnect) + "one"), Next::request);
    EXPECT_EQ(machine.feed(" two"), Next::request);
    EXPECT_EQ(machine.surplus(), "one two");
}

// Sessions exist in tens of thousands.
TEST(ServerMachine, stays_small) {
    EXPECT_LE(sizeof(ServerMachine), 416u);
}

}  // namespace
}  // namespace neosocksd::proto
