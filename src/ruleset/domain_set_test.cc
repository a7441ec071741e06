#include "ruleset/domain_set.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

DomainSet set_of(const std::vector<std::string>& suffixes,
                 const std::vector<std::string>& hosts = {}) {
    DomainSet::Builder builder;
    for (const std::string& name : suffixes) EXPECT_TRUE(builder.add_suffix(name));
    for (const std::string& name : hosts) EXPECT_TRUE(builder.add_host(name));
    return builder.build();
}

TEST(DomainSet, an_empty_set_contains_nothing) {
    const DomainSet set = set_of({});
    EXPECT_FALSE(set.contains("example.org"));
    EXPECT_FALSE(set.contains(""));
    EXPECT_EQ(set.size(), 0u);
}

TEST(DomainSet, a_suffix_contains_itself_and_everything_below) {
    const DomainSet set = set_of({"example.org"});
    EXPECT_TRUE(set.contains("example.org"));
    EXPECT_TRUE(set.contains("a.example.org"));
    EXPECT_TRUE(set.contains("a.b.example.org"));
    EXPECT_TRUE(set.contains(".example.org"));
    EXPECT_FALSE(set.contains("org"));
    EXPECT_FALSE(set.contains("xexample.org"));
    EXPECT_FALSE(set.contains("-example.org"));
    EXPECT_FALSE(set.contains("example.org.test"));
    EXPECT_FALSE(set.contains("xample.org"));
    EXPECT_FALSE(set.contains(""));
}

TEST(DomainSet, a_host_contains_itself_only) {
    const DomainSet set = set_of({}, {"example.org", "::1", "192.0.2.1"});
    EXPECT_TRUE(set.contains("example.org"));
    EXPECT_TRUE(set.contains("EXAMPLE.ORG."));
    EXPECT_TRUE(set.contains("::1"));
    EXPECT_TRUE(set.contains("192.0.2.1"));
    EXPECT_TRUE(set_of({}, {"[::2]"}).contains("::2"));
    EXPECT_FALSE(set.contains("a.example.org"));
    EXPECT_FALSE(set.contains(".example.org"));
    EXPECT_FALSE(set.contains("org"));
}

TEST(DomainSet, case_and_dots_at_the_ends_do_not_count) {
    const DomainSet set = set_of({".Example.ORG", "example.net."});
    EXPECT_TRUE(set.contains("EXAMPLE.org"));
    EXPECT_TRUE(set.contains("a.eXample.org."));
    EXPECT_TRUE(set.contains("example.net"));
    EXPECT_FALSE(set.contains("example.net.."));
}

TEST(DomainSet, empty_names_are_ignored) {
    const DomainSet set = set_of({"", "."}, {"", "."});
    EXPECT_EQ(set.size(), 0u);
    EXPECT_FALSE(set.contains("example.org"));
    EXPECT_FALSE(set.contains("."));
}

TEST(DomainSet, a_shorter_name_makes_longer_ones_redundant_in_any_order) {
    for (const auto& names : {std::vector<std::string>{"com", "a.com", "x.a.com"},
                              std::vector<std::string>{"x.a.com", "a.com", "com"}}) {
        const DomainSet set = set_of(names, {"b.com", "com", "com.test"});
        EXPECT_EQ(set.size(), 2u);
        EXPECT_TRUE(set.contains("b.com"));
        EXPECT_TRUE(set.contains("com.test"));
        EXPECT_FALSE(set.contains("a.com.test"));
    }
}

TEST(DomainSet, names_between_a_parent_and_its_children_do_not_hide_it) {
    // In plain byte order "-" and "!" come before ".".
    const DomainSet set = set_of({"example", "-example", "!example", "a-example", "zexample"});
    EXPECT_TRUE(set.contains("a.example"));
    EXPECT_TRUE(set.contains("zz.example"));
    EXPECT_TRUE(set.contains("-.example"));
    EXPECT_FALSE(set.contains("b-example"));
}

TEST(DomainSet, a_host_and_a_suffix_below_it_are_told_apart) {
    const DomainSet set = set_of({"a.example"}, {"example"});
    EXPECT_TRUE(set.contains("example"));
    EXPECT_TRUE(set.contains("a.example"));
    EXPECT_TRUE(set.contains("b.a.example"));
    EXPECT_FALSE(set.contains("b.example"));
}

TEST(DomainSet, refuses_a_name_longer_than_255) {
    DomainSet::Builder builder;
    const std::string longest(limits::kHostBytes, 'a');
    EXPECT_TRUE(builder.add_suffix(longest));
    EXPECT_FALSE(builder.add_suffix(longest + 'a'));
    EXPECT_FALSE(builder.add_host(longest + 'a'));
    const DomainSet set = builder.build();
    EXPECT_TRUE(set.contains(longest));
    EXPECT_TRUE(set.contains("b." + longest));
    EXPECT_FALSE(set.contains("b" + longest));
}

TEST(DomainSet, a_question_of_any_length_is_answered_by_its_end) {
    const DomainSet set = set_of({"example.org"}, {std::string(limits::kHostBytes, 'a')});
    EXPECT_TRUE(set.contains(std::string(100'000, 'a') + ".example.org"));
    EXPECT_FALSE(set.contains(std::string(100'000, 'a') + "example.org"));
    EXPECT_FALSE(set.contains(std::string(limits::kHostBytes + 1, 'a')));
}

TEST(DomainSet, bytes_outside_of_names_are_not_confused) {
    const std::string nul("a\0b.test", 8);
    const DomainSet set = set_of({nul, "\xc3\xa4.test", "_srv.test", "a b.test"});
    EXPECT_TRUE(set.contains(nul));
    EXPECT_TRUE(set.contains("x." + nul));
    EXPECT_FALSE(set.contains("a"));
    EXPECT_TRUE(set.contains("x.\xc3\xa4.test"));
    EXPECT_FALSE(set.contains("\xc3\xa5.test"));
    EXPECT_TRUE(set.contains("_SRV.test"));
    // Every byte is itself, but for upper case and the dot.
    for (int byte = 0; byte < 256; byte++) {
        const std::string name = "a" + std::string(1, static_cast<char>(byte)) + "b";
        const DomainSet one = set_of({}, {name});
        for (int other = 0; other < 256; other++) {
            const auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
            const std::string asked = "a" + std::string(1, static_cast<char>(other)) + "b";
            EXPECT_EQ(one.contains(asked), lower(byte) == lower(other)) << byte << ' ' << other;
        }
    }
}

// Against the definition, with names of few letters so that everything happens: shared starts,
// parents, many blocks that begin alike.
TEST(DomainSet, agrees_with_a_naive_set) {
    Random random(printed_seed());
    const auto label = [&random](std::string_view letters, std::size_t most) {
        std::string text;
        for (std::size_t size = 1 + random.below(most); size > 0; size--)
            text += letters[random.below(letters.size())];
        return text;
    };
    for (int round = 0; round < 30; round++) {
        const std::string_view letters = round % 3 == 0   ? "ab-"
                                         : round % 3 == 1 ? "abcdexyz09_"
                                                          : std::string_view("a.b\xc3\0Z", 6);
        // Longer than what the index sees of a name.
        const std::string end = round % 2 ? ".the-end-of-all-names.test" : "";
        const auto name = [&] {
            std::string text = label(letters, 1 + random.below(6));
            for (std::size_t labels = random.below(3); labels > 0; labels--)
                text += '.' + label(letters, 3);
            return text + end;
        };
        std::set<std::string> suffixes, hosts;
        DomainSet::Builder builder;
        const auto lower = [](std::string text) {
            for (char& c : text)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
            return text;
        };
        const auto plain = [&lower](std::string text) {
            if (text.ends_with('.')) text.pop_back();
            return lower(text);
        };
        for (std::size_t count = random.below(3000); count > 0; count--) {
            const std::string suffix = name(), host = name();
            ASSERT_TRUE(builder.add_suffix(suffix));
            ASSERT_TRUE(builder.add_host(host));
            suffixes.insert(plain(suffix.starts_with('.') ? suffix.substr(1) : suffix));
            hosts.insert(plain(host));
        }
        suffixes.erase("");
        hosts.erase("");
        const DomainSet set = builder.build();
        const auto expected = [&](const std::string& asked) {
            const std::string text = plain(asked);
            if (hosts.contains(text) || suffixes.contains(text)) return true;
            for (auto dot = text.find('.'); dot != text.npos; dot = text.find('.', dot + 1))
                if (suffixes.contains(text.substr(dot + 1))) return true;
            return false;
        };
        for (int i = 0; i < 3000; i++) {
            const std::string asked = name();
            ASSERT_EQ(set.contains(asked), expected(asked)) << asked;
        }
        // The dot that plain() takes away is given back.
        for (const std::string& suffix : suffixes) {
            ASSERT_TRUE(set.contains(suffix + '.')) << suffix;
            ASSERT_TRUE(set.contains("x." + suffix + '.')) << suffix;
        }
        for (const std::string& host : hosts) ASSERT_TRUE(set.contains(host + '.')) << host;
    }
}

// The promise: less than 16 bytes a domain, with random names, which share less than real ones.
TEST(DomainSet, stays_below_16_bytes_a_domain) {
    Random random(printed_seed());
    DomainSet::Builder builder;
    std::size_t text = 0;
    constexpr std::size_t kCount = 100'000;
    for (std::size_t i = 0; i < kCount; i++) {
        std::string name;
        for (std::size_t size = 12 + random.below(9); size > 0; size--)
            name += static_cast<char>('a' + random.below(26));
        name += i % 2 ? ".com" : ".org";
        text += name.size();
        ASSERT_TRUE(builder.add_suffix(name));
    }
    const DomainSet set = builder.build();
    EXPECT_GE(text, 19 * kCount);
    EXPECT_LT(set.bytes(), 16 * kCount) << "bytes of text: " << text;
}

}  // namespace
}  // namespace neosocksd::ruleset
