#include "api/http_response.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

constexpr std::time_t kTime = 784111777;
const std::string kBegin = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

TEST(HttpResponse, of_text_is_that_of_1_4_2_with_its_length) {
    HttpResponse response = text_response(200, "hello");
    response.no_store = true;
    EXPECT_EQ(to_bytes(response, false, false, kTime),
              kBegin +
                  "Connection: close\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "X-Content-Type-Options: nosniff\r\n"
                  "Cache-Control: no-store\r\n"
                  "Content-Length: 5\r\n"
                  "\r\n"
                  "hello");
}

TEST(HttpResponse, of_an_rpc_is_that_of_1_4_2) {
    const HttpResponse response{.content_type = "application/x-neosocksd-rpc; version=1",
                                .body = "return true,01"};
    EXPECT_EQ(to_bytes(response, false, false, kTime),
              kBegin +
                  "Connection: close\r\n"
                  "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
                  "Content-Length: 14\r\n"
                  "\r\n"
                  "return true,01");
}

TEST(HttpResponse, may_be_empty_and_keep_the_connection) {
    EXPECT_EQ(to_bytes({}, true, false, kTime),
              kBegin + "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpResponse, is_compressed_between_type_and_length) {
    HttpResponse response = text_response(200, std::string(300, 'x'));
    response.coding = Coding::deflate;
    const std::string bytes = to_bytes(response, false, false, kTime);
    const auto end = bytes.find("\r\n\r\n");
    const std::string body = bytes.substr(end + 4);
    EXPECT_NE(bytes.find("nosniff\r\nContent-Encoding: deflate\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n"),
              std::string::npos);
    EXPECT_EQ(inflate(body, Format::zlib, 1000), std::string(300, 'x'));
    response.coding = Coding::gzip;
    EXPECT_NE(to_bytes(response, false, false, kTime).find("Content-Encoding: gzip\r\n"),
              std::string::npos);
    response.body.clear();
    EXPECT_EQ(to_bytes(response, false, false, kTime).find("Content-Encoding"), std::string::npos);
}

TEST(HttpResponse, to_head_has_the_length_but_no_body) {
    const std::string head = to_bytes(text_response(200, "hello"), false, true, kTime);
    EXPECT_TRUE(head.ends_with("Content-Length: 5\r\n\r\n"));
    const std::string page = to_bytes(page_response(404), false, true, kTime);
    EXPECT_TRUE(page.ends_with("\r\n\r\n"));
    EXPECT_NE(page.find("Content-Length: "), std::string::npos);
}

TEST(HttpResponse, of_failure_closes_the_connection) {
    for (const int status : {400, 403, 500, 503}) {
        const std::string text = to_bytes(text_response(status, "x"), true, false, kTime);
        EXPECT_NE(text.find("\r\nConnection: close\r\n"), std::string::npos) << status;
        EXPECT_FALSE(text.starts_with("HTTP/1.1 " + std::to_string(status) + " \r\n")) << text;
    }
}

TEST(HttpResponse, may_be_a_page) {
    const std::string page = to_bytes(page_response(405, "GET, POST"), true, false, kTime);
    EXPECT_TRUE(page.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_NE(page.find("\r\nAllow: GET, POST\r\n"), std::string::npos);
    const std::string token = to_bytes(page_response(401), true, false, kTime);
    EXPECT_TRUE(token.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    EXPECT_NE(token.find("\r\nWWW-Authenticate: Bearer realm=\"neosocksd\"\r\n"),
              std::string::npos);
    for (const int status : {400, 401, 403, 404, 405, 408, 411, 413, 415, 417, 500, 501, 503})
        EXPECT_TRUE(to_bytes(page_response(status), false, false, kTime)
                        .starts_with("HTTP/1.1 " + std::to_string(status)))
            << status;
}

}  // namespace
}  // namespace neosocksd::api
