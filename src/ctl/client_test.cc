// The bytes of requests; conversations with servers are in tests/e2e/test_ctl.py.

#include "ctl/client.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::ctl {
namespace {

TEST(CtlClient, asks_in_http) {
    EXPECT_EQ(to_bytes({.target = "/stats", .accept = "application/json"}, "127.0.0.1:9080", ""),
              "GET /stats HTTP/1.1\r\nHost: 127.0.0.1:9080\r\nConnection: close\r\n"
              "Accept-Encoding: deflate\r\nAccept: application/json\r\n\r\n");
    EXPECT_EQ(to_bytes({"POST", "/x", "code", "text/x"}, "localhost", "s3cret"),
              "POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
              "Accept-Encoding: deflate\r\nAuthorization: Bearer s3cret\r\nContent-Type: text/x\r\n"
              "Content-Length: 4\r\n\r\ncode");
}

TEST(CtlClient, compresses_only_what_the_server_would_not_take_otherwise) {
    const std::string most(limits::kApiBodyBytes, '-');
    EXPECT_EQ(to_bytes({"POST", "/", most}, "h", "").find("Content-Encoding"), std::string::npos);
    const std::string bytes = to_bytes({"POST", "/", most + "-"}, "h", "");
    EXPECT_NE(bytes.find("Content-Encoding: deflate\r\n"), std::string::npos);
    EXPECT_LT(bytes.size(), 100'000U);
}

TEST(CtlClient, encodes_queries) {
    EXPECT_EQ(query_of({{"a", "b c"}, {"none", ""}, {"x", "&=+%#\xc3\xa9"}}),
              "?a=b%20c&x=%26%3D%2B%25%23%C3%A9");
    EXPECT_EQ(query_of({{"addr", "[::1]:80"}}), "?addr=%5B::1%5D:80");
    EXPECT_EQ(query_of({}), "");
}

TEST(CtlClient, says_what_is_wrong_with_an_address) {
    const auto complaint = [](const char* address) {
        return Client(address, "", std::chrono::seconds(1)).ask({.target = "/"}).error().text;
    };
    EXPECT_EQ(complaint("nowhere"), "`nowhere' is no address: HOST:PORT or unix:/PATH");
    EXPECT_EQ(complaint("host:"), "`host:' is no address: HOST:PORT or unix:/PATH");
    EXPECT_EQ(complaint(""), "`' is no address: HOST:PORT or unix:/PATH");
    EXPECT_EQ(complaint("unix:@"), "the name of a Unix socket is empty: `unix:@'");
    EXPECT_TRUE(complaint("unix:/nonexistent/x")
                    .starts_with("cannot connect to unix:/nonexistent/x: No such file"));
}

}  // namespace
}  // namespace neosocksd::ctl
