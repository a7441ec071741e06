#include "proto/http_forward.h"

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

using Kind = Framing::Kind;

std::expected<ForwardRequest, ForwardRefusal> rebuild(std::string_view text) {
    const auto head = parse_request_head(text);
    if (!head) return std::unexpected(ForwardRefusal{400, "no head"});
    auto target = parse_absolute_form(head->method, head->target);
    if (!target) return std::unexpected(target.error());
    return rebuild_request(*head, *target);
}

std::string rebuilt(std::string_view line, std::string_view fields = {}) {
    const auto request = rebuild(std::string(line) + "\r\n" + std::string(fields) + "\r\n");
    return request ? request->head : "refused: " + request.error().why;
}

int refusal(std::string_view fields, std::string_view line = "GET http://a/ HTTP/1.1") {
    const auto request = rebuild(std::string(line) + "\r\n" + std::string(fields) + "\r\n");
    return request ? 0 : request.error().status;
}

TEST(HttpForward, takes_absolute_urls_apart) {
    struct Case {
        std::string_view url, text, authority, path;
    };
    for (const Case& c : {
             Case{"http://example.org", "example.org:80", "example.org", "/"},
             {"HTTP://Example.org/", "Example.org:80", "Example.org", "/"},
             {"http://a:8080/x/y?z=1", "a:8080", "a:8080", "/x/y?z=1"},
             {"http://a:80/", "a:80", "a:80", "/"},
             {"http://a:/x", "a:80", "a", "/x"},
             {"http://a?q=/:@", "a:80", "a", "/?q=/:@"},
             {"http://192.0.2.1:81/", "192.0.2.1:81", "192.0.2.1:81", "/"},
             {"http://[2001:db8::1]/x", "[2001:db8::1]:80", "[2001:db8::1]", "/x"},
             {"http://[2001:db8::1]:81/x", "[2001:db8::1]:81", "[2001:db8::1]:81", "/x"},
             {"http://a//b/../c", "a:80", "a", "//b/../c"},
             {"http://a/http://b/", "a:80", "a", "/http://b/"},
         }) {
        const auto target = parse_absolute_form("GET", c.url);
        ASSERT_TRUE(target) << c.url;
        EXPECT_EQ(target->text, c.text);
        EXPECT_EQ(target->authority, c.authority);
        EXPECT_EQ(target->path, c.path);
    }
    EXPECT_EQ(parse_absolute_form("OPTIONS", "http://a")->path, "*");
    EXPECT_EQ(parse_absolute_form("OPTIONS", "http://a/")->path, "/");
    EXPECT_TRUE(parse_absolute_form("GET", "http://[2001:db8::1]/")->target.ip);
}

TEST(HttpForward, refuses_other_targets) {
    for (const std::string_view url : {"/",
                                       "/index.html",
                                       "*",
                                       "a:80",
                                       "https://a/",
                                       "ftp://a/",
                                       "http:/a/",
                                       "http:a",
                                       "http://",
                                       "http:///x",
                                       "http://:80/",
                                       "http://?q",
                                       "http://a:x/",
                                       "http://a:-1/",
                                       "http://a:+80/",
                                       "http://a:65536/",
                                       "http://a:99999999999/",
                                       "http://u@a/",
                                       "http://u:p@a/",
                                       "http://a\\@b/",
                                       "http://a\\b/",
                                       "http://a#b",
                                       "http://a/#b",
                                       "http://::1/",
                                       "http://a:b:80/",
                                       "http://[::1/",
                                       "http://::1]/",
                                       "http://[a]/",
                                       "http://[1.2.3.4]/",
                                       "http://[::1]x/",
                                       "http://[::1]:8x/",
                                       "http://a\tb/"}) {
        const auto target = parse_absolute_form("GET", url);
        EXPECT_FALSE(target) << url;
        if (!target) EXPECT_EQ(target.error().status, 400);
    }
    EXPECT_FALSE(parse_absolute_form("GET", "http://" + std::string(256, 'a') + "/"));
}

TEST(HttpForward, rebuilds_a_request) {
    EXPECT_EQ(rebuilt("GET http://a.test:81/x?y HTTP/1.1",
                      "Host: evil\r\nAccept: */*\r\nVia: 1.1 first\r\nCookie: a\r\nCookie: b\r\n"),
              "GET /x?y HTTP/1.1\r\nHost: a.test:81\r\nAccept: */*\r\nVia: 1.1 first\r\n"
              "Cookie: a\r\nCookie: b\r\nVia: 1.1 neosocksd\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(rebuilt("POST http://a/ HTTP/1.0", "Content-Length: 007\r\n"),
              "POST / HTTP/1.0\r\nHost: a\r\nVia: 1.1 neosocksd\r\nContent-Length: 7\r\n"
              "Connection: close\r\n\r\n");
    EXPECT_EQ(
        rebuilt("PUT http://a/ HTTP/1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"),
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nVia: 1.1 neosocksd\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

TEST(HttpForward, drops_the_fields_of_the_connection) {
    EXPECT_EQ(rebuilt("GET http://a/ HTTP/1.1",
                      "Connection: X-One ,x-two\r\nX-One: 1\r\nX-TWO: 2\r\nConnection: X-Three\r\n"
                      "X-Three: 3\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n"
                      "Proxy-Authorization: Basic YTpi\r\nTE: trailers\r\nTrailer: X\r\n"
                      "Upgrade: websocket\r\nX-Four: 4\r\n"),
              "GET / HTTP/1.1\r\nHost: a\r\nX-Four: 4\r\nVia: 1.1 neosocksd\r\n"
              "Connection: close\r\n\r\n");
}

TEST(HttpForward, states_the_framing_even_if_the_connection_lists_it) {
    EXPECT_EQ(rebuilt("POST http://a/ HTTP/1.1",
                      "Connection: content-length, host, close\r\nContent-Length: 3\r\n"),
              "POST / HTTP/1.1\r\nHost: a\r\nVia: 1.1 neosocksd\r\nContent-Length: 3\r\n"
              "Connection: close\r\n\r\n");
}

TEST(HttpForward, asks_for_an_upgrade_only_without_a_body) {
    EXPECT_EQ(rebuilt("GET http://a/ HTTP/1.1",
                      "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"),
              "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 neosocksd\r\nConnection: upgrade\r\n"
              "Upgrade: websocket\r\n\r\n");
    const std::string fields = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    const auto upgrade = [&](std::string_view line, const std::string& more) {
        const auto request = rebuild(std::string(line) + "\r\n" + more + "\r\n");
        return request && request->upgrade;
    };
    EXPECT_TRUE(upgrade("GET http://a/ HTTP/1.1", fields));
    EXPECT_FALSE(upgrade("GET http://a/ HTTP/1.0", fields));
    EXPECT_FALSE(upgrade("GET http://a/ HTTP/1.1", fields + "Content-Length: 3\r\n"));
    EXPECT_FALSE(upgrade("GET http://a/ HTTP/1.1", "Connection: upgrade\r\n"));
    EXPECT_FALSE(upgrade("GET http://a/ HTTP/1.1", "Upgrade: websocket\r\n"));
}

TEST(HttpForward, refuses_what_could_be_read_in_two_ways) {
    for (const std::string_view fields : {
             "Host: a\r\nHost: a\r\n",
             "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
             "Content-Length: 3\r\nContent-Length: 3\r\n",
             "Content-Length: 3, 3\r\n",
             "Content-Length: +3\r\n",
             "Content-Length: -0\r\n",
             "Content-Length: 99999999999999999999\r\n",
             "Content-Length:\r\n",
             "Content-Length : 3\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: identity\r\n",
             "Transfer-Encoding:\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
             "A: b\r\n folded\r\n",
             "no colon\r\n",
         })
        EXPECT_EQ(refusal(fields), 400) << fields;
    EXPECT_EQ(refusal("Transfer-Encoding: chunked\r\n", "GET http://a/ HTTP/1.0"), 400);
    EXPECT_EQ(refusal("", "GET http://a/"), 400);
    EXPECT_EQ(refusal("", "GET http://a/ HTTP/1.1 "), 400);
    EXPECT_EQ(refusal("", "GET http://a/ HTTP/1.1 HTTP/1.1"), 400);
    EXPECT_EQ(refusal("", "GET http://a/ HTTP/1.10"), 400);
    EXPECT_EQ(refusal("", "GET http://a/ HTTP/2.0"), 400);
    EXPECT_EQ(refusal("", "GET http://a/ b HTTP/1.1"), 400);
    EXPECT_EQ(refusal("", "connect http://a/ HTTP/1.1"), 400);
}

TEST(HttpForward, bounds_the_number_of_fields) {
    std::string fields;
    for (int i = 0; i < 100; i++) fields += "A: b\r\n";
    EXPECT_EQ(refusal(fields + "Host: a\r\nConnection: close\r\n"), 0);
    EXPECT_EQ(refusal(fields + "A: b\r\n"), 413);
}

TEST(HttpForward, knows_whether_a_further_request_may_come) {
    const auto keeps = [](std::string_view line, std::string_view fields) {
        return rebuild(std::string(line) + "\r\n" + std::string(fields) + "\r\n")->keep_alive;
    };
    EXPECT_TRUE(keeps("GET http://a/ HTTP/1.1", ""));
    EXPECT_FALSE(keeps("GET http://a/ HTTP/1.1", "Connection: x, Close\r\n"));
    EXPECT_FALSE(keeps("GET http://a/ HTTP/1.1", "Proxy-Connection: close\r\n"));
    EXPECT_FALSE(keeps("GET http://a/ HTTP/1.0", "Connection: keep-alive\r\n"));
}

TEST(HttpForward, counts_max_forwards_down) {
    EXPECT_NE(
        rebuilt("OPTIONS http://a HTTP/1.1", "Max-Forwards: 2\r\n").find("\r\nMax-Forwards: 1\r\n"),
        std::string::npos);
    EXPECT_EQ(refusal("Max-Forwards: 0\r\n", "TRACE http://a/ HTTP/1.1"), 403);
    EXPECT_EQ(refusal("Max-Forwards: x\r\n", "TRACE http://a/ HTTP/1.1"), 400);
    EXPECT_NE(
        rebuilt("GET http://a/ HTTP/1.1", "Max-Forwards: 0\r\n").find("\r\nMax-Forwards: 0\r\n"),
        std::string::npos);
}

}  // namespace
}  // namespace neosocksd::proto
