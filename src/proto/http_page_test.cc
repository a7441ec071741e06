#include "proto/http_page.h"

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

constexpr std::time_t kNow = 784111777;

TEST(HttpErrorPage, is_a_whole_response) {
    EXPECT_EQ(http_error_page(403, kNow),
              "HTTP/1.1 403 Forbidden\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Connection: close\r\n"
              "Content-type: text/html\r\n"
              "Content-Length: 143\r\n"
              "\r\n"
              "<HTML><HEAD><TITLE>403 Forbidden</TITLE></HEAD>\n"
              "<BODY><H1>403 Forbidden</H1>\n"
              "You don't have permission to access this resource.\n"
              "</BODY></HTML>\n");
}

TEST(HttpErrorPage, says_how_long_it_is) {
    for (const int status : {400, 403, 404, 405, 411, 413, 415, 417, 500, 502, 503, 504}) {
        const std::string page = http_error_page(status, kNow);
        const std::size_t body = page.size() - (page.find("\r\n\r\n") + 4);
        EXPECT_NE(page.find("Content-Length: " + std::to_string(body) + "\r\n"), std::string::npos);
        EXPECT_FALSE(http_status_name(status).empty());
    }
}

TEST(HttpErrorPage, asks_for_credentials_with_407) {
    EXPECT_EQ(http_error_page(407, kNow),
              "HTTP/1.1 407 Proxy Authentication Required\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Connection: close\r\n"
              "Proxy-Authenticate: Basic realm=\"proxy\"\r\n"
              "Content-Length: 0\r\n"
              "\r\n");
}

TEST(HttpErrorPage, names_the_allowed_methods_with_405) {
    const std::string page = http_error_page(405, kNow, "GET, POST");
    EXPECT_NE(page.find("\r\nAllow: GET, POST\r\n"), std::string::npos);
}

TEST(HttpErrorPage, makes_an_unknown_status_a_500) {
    EXPECT_EQ(http_error_page(599, kNow), http_error_page(500, kNow));
}

TEST(HttpDate, is_in_the_fixed_format) {
    EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(http_date(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
}

}  // namespace
}  // namespace neosocksd::proto
