#include "proto/proxy_url.h"

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

using Scheme = ProxyUrl::Scheme;

TEST(ProxyUrl, shows_no_part_of_a_password_that_is_not_escaped) {
    for (const char* text :
         {"socks5://user:se#cret@h:1", "http://u:a/34@h:1", "http://u:a?b@h:1"}) {
        std::string reason;
        EXPECT_FALSE(ProxyUrl::parse(text, &reason));
        EXPECT_EQ(reason,
                  "invalid proxy userinfo: `/', `?' and `#' in it are written %2F, %3F and %23");
    }
}

TEST(ProxyUrl, parses) {
    struct Row {
        const char* text;
        Scheme scheme;
        const char* host;
        int port;
        std::optional<std::string> username = std::nullopt;
        std::optional<std::string> password = std::nullopt;
    };
    const Row kRows[] = {
        {"http://proxy", Scheme::http, "proxy", 80},
        {"socks4a://proxy", Scheme::socks4a, "proxy", 1080},
        {"socks5://proxy", Scheme::socks5, "proxy", 1080},
        {"SOCKS5://Proxy:1", Scheme::socks5, "Proxy", 1},
        {"socks5://192.0.2.1:8080", Scheme::socks5, "192.0.2.1", 8080},
        {"socks5://[::1]:1081", Scheme::socks5, "::1", 1081},
        {"socks5://[::1]", Scheme::socks5, "::1", 1080},
        {"http://[::1]/", Scheme::http, "::1", 80},
        {"socks5://::1:1080", Scheme::socks5, "::1", 1080},
        {"socks5://proxy:", Scheme::socks5, "proxy", 0},
        {"socks5://proxy:65535", Scheme::socks5, "proxy", 65535},
        {"socks5://pr%6fxy", Scheme::socks5, "proxy", 1080},
        {"socks5://", Scheme::socks5, "", 1080},
        {"socks5://:1", Scheme::socks5, "", 1},
        {"http://proxy:1/path?query#fragment", Scheme::http, "proxy", 1},
        {"http://proxy?q", Scheme::http, "proxy", 80},
        {"http://proxy/@path", Scheme::http, "proxy", 80},
        {"socks5://joe@proxy", Scheme::socks5, "proxy", 1080, "joe"},
        {"socks5://joe:@proxy", Scheme::socks5, "proxy", 1080, "joe", ""},
        {"socks5://:pw@proxy", Scheme::socks5, "proxy", 1080, "", "pw"},
        {"socks5://joe:a:b@proxy:1", Scheme::socks5, "proxy", 1, "joe", "a:b"},
        {"socks5://joe:p@ss@proxy", Scheme::socks5, "proxy", 1080, "joe", "p@ss"},
        {"socks5://a%2Cb:%2f%3A@proxy", Scheme::socks5, "proxy", 1080, "a,b", "/:"},
        {"socks5://-._~!$&'()*+,;=@proxy", Scheme::socks5, "proxy", 1080, "-._~!$&'()*+,;="},
        {"socks5://@proxy", Scheme::socks5, "proxy", 1080},
        {"socks5://joe@[::1]", Scheme::socks5, "::1", 1080, "joe"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text);
        std::string reason;
        const auto url = ProxyUrl::parse(row.text, &reason);
        ASSERT_TRUE(url) << reason;
        EXPECT_EQ(url->scheme, row.scheme);
        EXPECT_EQ(url->host.host(), row.host);
        EXPECT_EQ(url->host.port, row.port);
        EXPECT_EQ(url->username, row.username);
        EXPECT_EQ(url->password, row.password);
    }
}

TEST(ProxyUrl, refuses) {
    struct Row {
        std::string text;
        const char* reason;
    };
    const Row kRows[] = {
        {"socks4://proxy", "unknown proxy scheme `socks4'"},
        {"socks5h://proxy", "unknown proxy scheme `socks5h'"},
        {"https://proxy", "unknown proxy scheme `https'"},
        {"://proxy", "unknown proxy scheme `'"},
        {"proxy:1080", "proxy URL without a scheme"},
        {"", "proxy URL without a scheme"},
        {"socks5:/proxy", "proxy URL without a scheme"},
        {"socks5://proxy:x", "unable to parse port number: `x'"},
        {"socks5://proxy:65536", "unable to parse port number: `65536'"},
        {"socks5://proxy:-1", "unable to parse port number: `-1'"},
        {"socks5://2001:db8::1", "invalid proxy host: `2001:db8:'"},
        {"socks5://[proxy]x", "invalid proxy host: `[proxy]x'"},
        {"socks5://pr%0axy", "invalid proxy host: `pr%0axy'"},
        {"socks5://pr%00xy", "invalid proxy host: `pr%00xy'"},
        {"socks5://pr%6", "invalid proxy host: `pr%6'"},
        {"socks5://pr%xx", "invalid proxy host: `pr%xx'"},
        {"socks5://a%40b", "invalid proxy host: `a%40b'"},
        {"socks5://a%2fb", "invalid proxy host: `a%2fb'"},
        {"socks5://a b", "invalid proxy host: `a b'"},
        {"socks5://joe:pa ss@proxy", "invalid proxy userinfo: `joe:***'"},
        {"socks5://joe%zz@proxy", "invalid proxy userinfo: `joe%zz'"},
        {"socks5://joe:%4@proxy", "invalid proxy userinfo: `joe:***'"},
        {"socks5://jo\"e@proxy", "invalid proxy userinfo: `jo\"e'"},
        {"socks5://j\xc3\xb6@proxy", "invalid proxy userinfo: `j\xc3\xb6'"},
        {"http://proxy/" + std::string(1011, 'x'), "proxy URL too long: 1024 bytes"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text);
        std::string reason;
        EXPECT_FALSE(ProxyUrl::parse(row.text, &reason));
        EXPECT_EQ(reason, row.reason);
        EXPECT_FALSE(ProxyUrl::parse(row.text));
    }
}

TEST(ProxyUrl, has_limits) {
    const std::string name(255, 'n');
    EXPECT_TRUE(ProxyUrl::parse("socks5://" + name));
    EXPECT_FALSE(ProxyUrl::parse("socks5://" + name + "n"));
    EXPECT_TRUE(ProxyUrl::parse("socks5://" + name + ":" + name + "@proxy"));
    EXPECT_FALSE(ProxyUrl::parse("socks5://" + name + ":" + name + "n@proxy"));
    EXPECT_TRUE(ProxyUrl::parse("http://proxy/" + std::string(1010, 'x')));
}

TEST(ProxyUrl, hides_credentials_in_text) {
    EXPECT_EQ(ProxyUrl::parse("SOCKS5://joe:secret@[::1]")->to_string(), "socks5://[::1]:1080");
    EXPECT_EQ(ProxyUrl::parse("http://proxy/x")->to_string(), "http://proxy:80");
    EXPECT_EQ(ProxyUrl::parse("socks4a://joe@proxy:1")->to_string(), "socks4a://proxy:1");
}

TEST(ProxyList, keeps_the_order_and_skips_empty_items) {
    const auto list = parse_proxy_list(",socks5://a,,http://b:1,");
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 2u);
    EXPECT_EQ((*list)[0].to_string(), "socks5://a:1080");
    EXPECT_EQ((*list)[1].to_string(), "http://b:1");
    EXPECT_TRUE(parse_proxy_list("")->empty());
    EXPECT_TRUE(parse_proxy_list(",,")->empty());
}

TEST(ProxyList, fails_with_any_of_its_items) {
    std::string reason;
    EXPECT_FALSE(parse_proxy_list("socks5://a,socks4://b", &reason));
    EXPECT_EQ(reason, "unknown proxy scheme `socks4'");
}

TEST(ProxyList, has_at_most_sixteen_hops) {
    std::string text;
    for (int i = 0; i < 16; ++i) text += "socks5://a,";
    EXPECT_EQ(parse_proxy_list(text)->size(), 16u);
    std::string reason;
    EXPECT_FALSE(parse_proxy_list(text + "socks5://a", &reason));
    EXPECT_EQ(reason, "more than 16 proxies");
}

}  // namespace
}  // namespace neosocksd::proto
