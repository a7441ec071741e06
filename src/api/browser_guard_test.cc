#include "api/browser_guard.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

struct Headers {
    std::optional<std::string> host = std::nullopt;
    std::optional<std::string> origin = std::nullopt;
    std::optional<std::string> fetch_site = std::nullopt;
};

bool allowed(const Headers& headers, const char* listen = "127.0.0.1:9080",
             const std::vector<std::string>& names = {}, bool unix_socket = false) {
    HttpRequest request;
    request.host = headers.host;
    request.origin = headers.origin;
    request.fetch_site = headers.fetch_site;
    return BrowserGuard(listen, names, unix_socket).refusal(request) == nullptr;
}

TEST(BrowserGuard, lets_clients_in_that_are_no_browsers) {
    EXPECT_TRUE(allowed({}));
    for (const char* host : {"127.0.0.1", "127.0.0.1:9080", "[::1]:9080", "[::1]", "192.0.2.7:1",
                             "localhost", "LocalHost:9080", "localhost.", "",
                             "api.neosocksd.internal", "peer.neosocksd.internal:80"})
        EXPECT_TRUE(allowed({.host = host})) << host;
}

TEST(BrowserGuard, refuses_names_that_could_be_anybodys) {
    for (const char* host :
         {"evil.example", "evil.example:9080", "localhost.evil.example", "127.0.0.1.evil.example",
          "neosocksd.internal.evil.example", "api.neosocksd.internal.evil.example", "127.1", "[::1",
          "[::1]x", "a:b:c", "localhost:x", "x@localhost", "::1", "*", "2130706433"})
        EXPECT_FALSE(allowed({.host = host})) << host;
}

TEST(BrowserGuard, knows_the_names_it_was_given) {
    EXPECT_TRUE(allowed({.host = "proxy.example:9080"}, "Proxy.example:9080"));
    EXPECT_TRUE(allowed({.host = "API.example"}, "127.0.0.1:1", {"a.example", "api.Example"}));
    EXPECT_FALSE(allowed({.host = "b.example"}, "127.0.0.1:1", {"a.example"}));
    EXPECT_FALSE(allowed({.host = "systemd"}, "systemd:api"));
    EXPECT_TRUE(allowed({.host = "anything"}, "unix:/run/api", {}, true));
}

TEST(BrowserGuard, refuses_requests_that_pages_of_others_make) {
    const std::string host = "127.0.0.1:9080";
    for (const char* origin : {"http://evil.example", "http://127.0.0.1", "http://127.0.0.1:9081",
                               "null", "", "127.0.0.1:9080", "http://127.0.0.1:9080/x"})
        EXPECT_FALSE(allowed({.host = host, .origin = origin})) << origin;
    EXPECT_TRUE(allowed({.host = host, .origin = "http://127.0.0.1:9080"}));
    EXPECT_TRUE(allowed({.host = "LOCALHOST:1", .origin = "http://localhost:1"}));
    EXPECT_FALSE(allowed({.origin = "http://evil.example"}));
    // Its name resolves here by now: the origin is right, the name is not.
    EXPECT_FALSE(allowed({.host = "evil.example", .origin = "http://evil.example"}));
}

TEST(BrowserGuard, believes_what_browsers_say_of_the_site) {
    const std::string host = "localhost:9080";
    for (const char* site : {"cross-site", "same-site", "Cross-Site", "", "whatever"})
        EXPECT_FALSE(allowed({.host = host, .fetch_site = site})) << site;
    for (const char* site : {"none", "same-origin"})
        EXPECT_TRUE(allowed({.host = host, .fetch_site = site})) << site;
    EXPECT_FALSE(allowed({.fetch_site = "cross-site"}, "unix:/x", {}, true));
}

}  // namespace
}  // namespace neosocksd::api
