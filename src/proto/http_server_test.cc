#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

constexpr ServerOptions kHttp = {.socks = false, .http = true};
constexpr ServerOptions kHttpAuth = {.socks = false, .http = true, .auth_required = true};

std::string page(int status) {
    return http_error_page(status, test_clock());
}

void connects(std::string_view head, std::string_view target) {
    SCOPED_TRACE(shown(head));
    conversation(server(kHttp))
        .receives(head)
        .wants({.protocol = Protocol::http,
                .text = std::string(target),
                .target = HostPort::parse(target),
                .named = true});
}

void refuses(std::string_view head, int status, std::string_view why) {
    SCOPED_TRACE(shown(head.substr(0, 200)));
    conversation(server(kHttp)).receives(head).sends(page(status)).refuses(why);
}

TEST(HttpServer, asks_for_the_target_of_a_connect) {
    connects("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
             "example.org:443");
    connects("CONNECT 192.0.2.1:80 HTTP/1.0\r\n\r\n", "192.0.2.1:80");
    connects("CONNECT [2001:db8::1]:80 HTTP/1.1\r\n\r\n", "[2001:db8::1]:80");
}

TEST(HttpServer, tolerates_what_1_4_2_did) {
    connects("CONNECT a:1 HTTP/1.9\r\n\r\n", "a:1");
    connects("CONNECT a:1 HTTP/1.1 and more\r\n\r\n", "a:1");
    connects("CONNECT a: HTTP/1.1\r\n\r\n", "a:");
    connects("CONNECT :80 HTTP/1.1\r\n\r\n", ":80");
}

TEST(HttpServer, ignores_all_other_fields) {
    connects(
        "CONNECT a:1 HTTP/1.1\r\nTE: trailers\r\nAuthorization: x\r\n"
        "Transfer-Encoding: gzip\r\nContent-Length: x\r\nExpect: 100-continue\r\n\r\n",
        "a:1");
}

TEST(HttpServer, keeps_early_data) {
    conversation(server(kHttp))
        .receives("CONNECT a:1 HTTP/1.1\r\n\r\n\r\n\n" + hex("00"))
        .wants({.protocol = Protocol::http,
                .text = "a:1",
                .named = true,
                .surplus = "\r\n\n" + hex("00")});
}

TEST(HttpServer, reads_basic_credentials) {
    struct Row {
        const char* value;
        const char* username;  // nullptr: none
        const char* password;
    };
    constexpr Row kRows[] = {
        {"Basic am9lOnNlY3JldA==", "joe", "secret"},
        {"basic am9lOnNlY3JldA==", "joe", "secret"},
        {"BASIC   am9lOnNlY3JldA==", "joe", "secret"},
        {"Basic am9lOg==", "joe", ""},
        {"Basic am9lOmE6Yg==", "joe", "a:b"},
        {"Basic OnB3", "", "pw"},
        {"Basic am9l", nullptr, nullptr},            // no colon
        {"Basic am9lOnNlY3JldA", nullptr, nullptr},  // no padding
        {"Basic am9l OnNlY3JldA==", nullptr, nullptr},
        {"Basic", nullptr, nullptr},
        {"Basic ", nullptr, nullptr},
        {"Bearer am9lOnNlY3JldA==", nullptr, nullptr},
        {"", nullptr, nullptr},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.value);
        const std::string head =
            "CONNECT a:1 HTTP/1.1\r\nproxy-authorization: " + std::string(row.value) + "\r\n\r\n";
        Want want{.protocol = Protocol::http, .text = "a:1", .named = true};
        if (row.username) {
            want.username = row.username;
            want.password = row.password;
        }
        conversation(server(kHttp)).receives(head).wants(want);
        auto strict = conversation(server(kHttpAuth));
        if (row.username) {
            strict.receives(head).wants(want);
        } else {
            strict.receives(head).sends(page(407)).refuses("HTTP proxy authentication required");
        }
    }
}

TEST(HttpServer, asks_to_forward_other_methods) {
    conversation(server(kHttp))
        .receives("POST http://Example.org/x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        .wants({.protocol = Protocol::http,
                .command = Command::http_forward,
                .text = "Example.org:80",
                .target = HostPort::named("Example.org", 80),
                .named = true,
                .surplus = "abc"});
    ServerMachine machine = server(kHttp)();
    machine.feed("GET http://a:81/x HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(machine.request().http);
    EXPECT_TRUE(machine.request().http->head.starts_with("GET /x HTTP/1.0\r\nHost: a:81\r\n"));
}

TEST(HttpServer, forwards_nothing_but_http_urls) {
    refuses("connect a:1 HTTP/1.1\r\n\r\n", 400, "HTTP target is no http:// URL");
    refuses("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400,
            "HTTP target is no http:// URL");
    refuses("GET https://a/ HTTP/1.1\r\n\r\n", 400, "HTTP target is no http:// URL");
    refuses("GET http:///x HTTP/1.1\r\n\r\n", 400, "bad host in HTTP target");
    refuses("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "more than one Host");
}

TEST(HttpServer, checks_syntax_then_credentials_then_target) {
    conversation(server(kHttpAuth))
        .receives("GET x HTTP/1.1\r\nno colon\r\n\r\n")
        .sends(page(400))
        .refuses("malformed HTTP request");
    conversation(server(kHttpAuth))
        .receives("GET x HTTP/1.1\r\n\r\n")
        .sends(page(407))
        .refuses("HTTP proxy authentication required");
    conversation(server(kHttpAuth))
        .receives("CONNECT x HTTP/1.1\r\n\r\n")
        .sends(page(407))
        .refuses("HTTP proxy authentication required");
    conversation(server(kHttpAuth))
        .receives("CONNECT x HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n")
        .sends(page(400))
        .refuses("invalid address: `x'");
}

TEST(HttpServer, refuses_malformed_requests) {
    for (const std::string_view head : {
             "CONNECT a:1\r\n\r\n",
             "CONNECT a:1 HTTP/2.0\r\n\r\n",
             "CONNECT a:1 http/1.1\r\n\r\n",
             "CONNECT  a:1 HTTP/1.1\r\n\r\n",
             "\r\nCONNECT a:1 HTTP/1.1\r\n\r\n",
             " CONNECT a:1 HTTP/1.1\r\n\r\n",
             "CON(NECT a:1 HTTP/1.1\r\n\r\n",
             "CONNECT a:1 HTTP/1.1\r\nno colon\r\n\r\n",
             "CONNECT a:1 HTTP/1.1\r\n: no name\r\n\r\n",
             "CONNECT a:1 HTTP/1.1\r\nHost : a\r\n\r\n",
             "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
         })
        refuses(head, 400, "malformed HTTP request");
}

// The first byte that proves it hopeless is enough; nobody waits for an empty line.
TEST(HttpServer, refuses_garbage_at_once) {
    for (const std::string& head : {
             hex("16 03 01 02 00 01"),  // TLS
             hex("80 2e 01 03"),        // SSL 2
             hex("05 01 00"),           // SOCKS5
             std::string("\0", 1),
             std::string("CONNECT a:1\0", 12),
             std::string("CONNECT a:1 HTTP/1.1\r\nX: \0", 26),
             std::string("CONNECT a:1 HTTP/1.1\n"),
             std::string("CONNECT a:1 HTTP/1.1\r\nHost: a\n"),
             std::string("CONNECT a:1 HTTP/1.1\rX"),
             std::string("CONNECT a:1 HTTP/1.1\r\n\rX"),
             std::string("CONNECT a\x01"),
         })
        refuses(head, 400, "malformed HTTP request");
}

TEST(HttpServer, refuses_a_bad_target) {
    refuses("CONNECT foo HTTP/1.1\r\n\r\n", 400, "invalid address: `foo'");
    refuses("CONNECT http://foo/ HTTP/1.1\r\n\r\n", 400, "unable to parse port number: `//foo/'");
    refuses("CONNECT foo:65536 HTTP/1.1\r\n\r\n", 400, "unable to parse port number: `65536'");
    refuses("CONNECT a\tb:80 HTTP/1.1\r\n\r\n", 400, "HTTP target with blanks or control bytes");
    refuses("CONNECT " + std::string(256, 'n') + ":80 HTTP/1.1\r\n\r\n", 400,
            "invalid address: `" + std::string(256, 'n') + ":80'");
    refuses("CONNECT " + std::string(300, 'n') + ":80 HTTP/1.1\r\n\r\n", 400,
            "address too long: 303 bytes");
}

TEST(HttpServer, hands_a_bad_target_to_rules) {
    conversation(server({.socks = false, .http = true, .raw_target = true}))
        .receives("CONNECT foo HTTP/1.1\r\n\r\n")
        .wants({.protocol = Protocol::http,
                .text = "foo",
                .target = HostPort{},
                .named = true,
                .target_valid = false});
    conversation(server({.socks = false, .http = true, .raw_target = true}))
        .receives("CONNECT a\tb HTTP/1.1\r\n\r\n")
        .sends(page(400))
        .refuses("HTTP target with blanks or control bytes");
}

std::string head_of(std::size_t size) {
    const std::string start = "CONNECT a:1 HTTP/1.1\r\nX: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
}

// Too long to cut at every byte, so without the conversation.
TEST(HttpServer, accepts_8191_bytes_of_head) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, std::size_t{8191}}) {
        ServerMachine machine = server(kHttp)();
        const std::string head = head_of(8191);
        Next next = Next::need_bytes;
        for (std::size_t at = 0; at < head.size(); at += piece) {
            ASSERT_EQ(next, Next::need_bytes);
            next = machine.feed(std::string_view(head).substr(at, piece));
        }
        EXPECT_EQ(next, Next::request);
    }
}

TEST(HttpServer, refuses_more_than_8191_bytes_of_head) {
    const std::string one_line = "CONNECT " + std::string(9000, 'a');
    for (const std::string& head : {head_of(8192), one_line}) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, std::size_t{8192}}) {
            ServerMachine machine = server(kHttp)();
            Next next = Next::need_bytes;
            for (std::size_t at = 0; at < head.size(); at += piece)
                next = machine.feed(std::string_view(head).substr(at, piece));
            EXPECT_EQ(next, Next::refuse);
            EXPECT_EQ(machine.output(), page(413));
            EXPECT_EQ(machine.failure(), "HTTP request head too large");
        }
    }
}

TEST(HttpServer, says_established_in_one_line) {
    EXPECT_EQ(http_connect_established(), "HTTP/1.1 200 Connection established\r\n\r\n");
}

}  // namespace
}  // namespace neosocksd::proto
