#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

constexpr std::string_view kRequest =
    "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n";

auto request() {
    auto talk = conversation(upstream("http://hop", "example.org:443"));
    talk.sends(kRequest);
    return talk;
}

TEST(HttpClient, requests_a_tunnel) {
    request().receives("HTTP/1.1 200 Connection established\r\n\r\n").establishes();
}

TEST(HttpClient, puts_brackets_around_ipv6) {
    conversation(upstream("http://hop", "[2001:db8::1]:80"))
        .sends("CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n")
        .waits();
}

TEST(HttpClient, sends_credentials_after_the_host) {
    conversation(upstream("http://joe:secret@hop", "a:1"))
        .sends(
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n"
            "Proxy-Authorization: Basic am9lOnNlY3JldA==\r\n\r\n")
        .waits();
    conversation(upstream("http://joe@hop", "a:1"))
        .sends("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic am9lOg==\r\n\r\n")
        .waits();
}

TEST(HttpClient, keeps_what_follows_the_head) {
    request()
        .receives("HTTP/1.0 200 OK\r\nVia: 1.1 hop\r\n\r\n\r\nbanner\n")
        .establishes("\r\nbanner\n");
}

TEST(HttpClient, accepts_any_success) {
    for (const std::string_view head : {
             "HTTP/1.1 200\r\n\r\n",
             "HTTP/1.1 200 \r\n\r\n",
             "HTTP/1.9 204 No Content\r\n\r\n",
             "HTTP/1.1 299 x\r\nno colon here\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
             "HTTP/1.1 200 Verbunden f\xfcr Sie\r\n\r\n",
         })
        request().receives(head).establishes();
}

TEST(HttpClient, skips_interim_responses) {
    request()
        .receives(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            "HTTP/1.1 200 OK\r\n\r\nbanner")
        .establishes("banner");
    std::string endless;
    for (int i = 0; i < 9; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
    request().receives(endless).fails(Reply::general_failure,
                                      "HTTP request rejected: 100 Continue");
}

TEST(HttpClient, translates_rejections) {
    struct Row {
        const char* status;
        Reply code;
    };
    constexpr Row kRows[] = {
        {"407 Proxy Authentication Required", Reply::not_allowed},
        {"403 Forbidden", Reply::not_allowed},
        {"502 Bad Gateway", Reply::connection_refused},
        {"503 Service Unavailable", Reply::connection_refused},
        {"504 Gateway Timeout", Reply::ttl_expired},
        {"500 Internal Server Error", Reply::general_failure},
        {"404 Not Found", Reply::general_failure},
        {"400 Bad Request", Reply::general_failure},
        {"302 Found", Reply::general_failure},
        {"101 Switching Protocols", Reply::general_failure},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.status);
        request()
            .receives(std::string("HTTP/1.1 ") + row.status + "\r\nServer: x\r\n\r\n<html>")
            .fails(row.code, std::string("HTTP request rejected: ") + row.status);
    }
}

TEST(HttpClient, fails_on_what_is_no_http) {
    for (const std::string_view reply : {
             "SSH-2.0-OpenSSH_9.2\r\n",
             "\x05\xff",
             "HTTP/2",
             "HTTP/1.1 200 OK\n",
             "HTTP/1.1\r\n\r\n",
             "HTTP/1.1 20\r\n\r\n",
             "HTTP/1.1 2000 OK\r\n\r\n",
             "HTTP/1.1 099 x\r\n\r\n",
             "HTTP/1.1 2x0 x\r\n\r\n",
             "HTTP/1.1 200 \x01",
         })
        request().receives(reply).fails(Reply::general_failure, "invalid HTTP response");
}

TEST(HttpClient, fails_on_a_head_without_end) {
    auto machine = upstream("http://hop", "example.org:443")();
    machine.start();
    EXPECT_EQ(machine.feed("HTTP/1.1 200 " + std::string(9000, 'x')), UpstreamNext::failed);
    EXPECT_EQ(machine.failure(), "HTTP response head too large");
}

TEST(HttpClient, accepts_a_large_head_and_banner_at_once) {
    auto machine = upstream("http://hop", "example.org:443")();
    machine.start();
    const std::string banner(5000, 'b');
    EXPECT_EQ(machine.feed("HTTP/1.1 200 OK\r\nX: " + std::string(8000, 'x') + "\r\n\r\n" + banner),
              UpstreamNext::established);
    EXPECT_EQ(machine.surplus(), banner);
}

TEST(HttpClient, refuses_a_name_that_reads_as_something_else) {
    for (const char* name : {"evil:22", "user@host", "a/b", "a?b", "a#b", "[a", "a]", "a\\b"}) {
        SCOPED_TRACE(name);
        conversation(upstream("http://hop", HostPort::named(name, 80)))
            .fails(Reply::general_failure, "host name does not fit into HTTP");
    }
}

}  // namespace
}  // namespace neosocksd::proto
