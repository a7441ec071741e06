// Of http_forward.cc: what becomes of responses.

#include <gtest/gtest.h>

#include "proto/http_forward.h"

namespace neosocksd::proto {
namespace {

using Kind = Framing::Kind;

constexpr std::string_view kEnd = "Via: 1.1 neosocksd\r\n";

std::expected<ForwardResponse, std::string> rebuild(std::string_view text,
                                                    const ForwardRequest& request = {},
                                                    bool keep_alive = true) {
    const std::string whole = std::string(text) + "\r\n";
    const auto head = parse_response_head(whole);
    if (!head) return std::unexpected("no head");
    return rebuild_response(*head, request, keep_alive);
}

ForwardRequest client(bool http_1_0 = false, bool head_only = false) {
    ForwardRequest request;
    request.http_1_0 = http_1_0;
    request.head_only = head_only;
    request.keep_alive = !http_1_0;
    return request;
}

TEST(HttpResponse, passes_a_length_on) {
    const auto response =
        rebuild("HTTP/1.0 200 Fine\r\nServer: x\r\nContent-Length: 5\r\n", client());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->head, "HTTP/1.1 200 Fine\r\nServer: x\r\n" + std::string(kEnd) +
                                  "Content-Length: 5\r\n\r\n");
    EXPECT_EQ(response->from_target, (Framing{Kind::length, 5}));
    EXPECT_EQ(response->to_client, (Framing{Kind::length, 5}));
    EXPECT_TRUE(response->keep_alive);
}

TEST(HttpResponse, frames_a_body_without_a_length_as_the_client_knows_it) {
    for (const std::string_view text :
         {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"}) {
        const auto modern = rebuild(text, client());
        ASSERT_TRUE(modern);
        EXPECT_EQ(modern->to_client.kind, Kind::chunked);
        EXPECT_TRUE(modern->keep_alive);
        EXPECT_NE(modern->head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
        const auto old = rebuild(text, client(true));
        ASSERT_TRUE(old);
        EXPECT_EQ(old->to_client.kind, Kind::until_close);
        EXPECT_FALSE(old->keep_alive);
        EXPECT_EQ(old->head,
                  "HTTP/1.1 200 OK\r\n" + std::string(kEnd) + "Connection: close\r\n\r\n");
    }
}

TEST(HttpResponse, says_close_when_the_connection_ends) {
    const auto response = rebuild("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", client(), false);
    ASSERT_TRUE(response);
    EXPECT_FALSE(response->keep_alive);
    EXPECT_NE(response->head.find("Connection: close\r\n"), std::string::npos);
}

TEST(HttpResponse, has_no_body_where_none_is_allowed) {
    const auto head = rebuild("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", client(false, true));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->from_target.kind, Kind::none);
    EXPECT_NE(head->head.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_TRUE(head->keep_alive);
    const auto chunked =
        rebuild("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", client(false, true));
    ASSERT_TRUE(chunked);
    EXPECT_EQ(chunked->head.find("Transfer-Encoding"), std::string::npos);
    const auto empty = rebuild("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", client());
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->from_target.kind, Kind::none);
    EXPECT_EQ(empty->head.find("Content-Length"), std::string::npos);
    const auto unchanged = rebuild("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", client());
    ASSERT_TRUE(unchanged);
    EXPECT_EQ(unchanged->from_target.kind, Kind::none);
    EXPECT_NE(unchanged->head.find("Content-Length: 5\r\n"), std::string::npos);
}

TEST(HttpResponse, passes_interim_responses_to_clients_that_know_them) {
    const auto modern = rebuild("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n", client());
    ASSERT_TRUE(modern);
    EXPECT_EQ(modern->kind, ForwardResponse::Kind::interim);
    EXPECT_EQ(modern->head,
              "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" + std::string(kEnd) + "\r\n");
    const auto old = rebuild("HTTP/1.1 100 Continue\r\n", client(true));
    ASSERT_TRUE(old);
    EXPECT_EQ(old->kind, ForwardResponse::Kind::interim);
    EXPECT_EQ(old->head, "");
}

TEST(HttpResponse, switches_protocols_only_when_asked_to) {
    ForwardRequest request = client();
    request.upgrade = true;
    const auto switched = rebuild(
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n", request);
    ASSERT_TRUE(switched);
    EXPECT_EQ(switched->kind, ForwardResponse::Kind::switched);
    EXPECT_EQ(switched->head, "HTTP/1.1 101 Switching\r\nX: y\r\n" + std::string(kEnd) +
                                  "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    EXPECT_FALSE(rebuild("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n", client()));
}

TEST(HttpResponse, drops_the_fields_of_the_connection) {
    const auto response = rebuild(
        "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        "Proxy-Authenticate: Basic\r\nTrailer: X\r\nUpgrade: h2c\r\nContent-Length: 0\r\n",
        client());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->head,
              "HTTP/1.1 200 OK\r\n" + std::string(kEnd) + "Content-Length: 0\r\n\r\n");
}

TEST(HttpResponse, refuses_faulty_framing) {
    for (const std::string_view text : {
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: x\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
             "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
         }) {
        EXPECT_FALSE(rebuild(text, client())) << text;
        EXPECT_FALSE(rebuild(text, client(false, true))) << text;
    }
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 101; i++) many += "A: b\r\n";
    EXPECT_FALSE(rebuild(many, client()));
}

}  // namespace
}  // namespace neosocksd::proto
