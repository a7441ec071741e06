// The shape of the usage text that 1.4.2 users and scripts know, and that it tells of everything.

#include "app/help.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/option_table.h"

namespace neosocksd::app {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
        lines.push_back(text.substr(begin, end - begin));
    EXPECT_EQ(begin, text.size()) << "the last line has no end";
    return lines;
}

TEST(Usage, begins_with_three_header_lines_and_the_synopsis) {
    const auto lines = lines_of(usage_text("./neosocksd"));
    ASSERT_GT(lines.size(), 4u);
    EXPECT_EQ(lines[0], "neosocksd " + std::string(version()));
    EXPECT_EQ(lines[1], "  https://github.com/hexian000/neosocksd");
    EXPECT_EQ(lines[2], "");
    EXPECT_EQ(lines[3], "usage: ./neosocksd <option>... ");
}

TEST(Usage, ends_with_examples_and_an_empty_line) {
    const auto lines = lines_of(usage_text("neosocksd"));
    EXPECT_THAT(lines, Contains("example:"));
    EXPECT_EQ(lines.back(), "");
    EXPECT_NE(lines[lines.size() - 2], "");
}

TEST(Usage, fits_a_hundred_columns_and_has_no_trailing_blanks) {
    const auto lines = lines_of(usage_text("neosocksd"));
    for (std::size_t i = 0; i < lines.size(); i++) {
        EXPECT_LE(lines[i].size(), 100u) << lines[i];
        if (i != 3) EXPECT_FALSE(lines[i].ends_with(' ')) << lines[i];
    }
}

TEST(Usage, tells_of_every_option_with_its_range_and_default) {
    // Wrapping put line ends and blanks between words: compare words only.
    std::string text;
    for (const char c : usage_text("neosocksd")) {
        const char blank = c == '\n' ? ' ' : c;
        if (blank != ' ' || !text.ends_with(' ')) text += blank;
    }
    for (const OptionSpec& spec : option_table()) {
        for (const std::string_view name : spec.names())
            EXPECT_THAT(text, HasSubstr(" " + std::string(name)));
        EXPECT_THAT(text, HasSubstr(std::string(spec.help)));
        EXPECT_THAT(text, HasSubstr(spec.allowed_values()));
        if (!spec.default_text.empty())
            EXPECT_THAT(text, HasSubstr("default " + std::string(spec.default_text)));
        EXPECT_THAT(text, HasSubstr(std::string(topic_title(spec.topic)) + ": "));
    }
}

// A screen each: what an operator looks for need not be scrolled to.
TEST(Usage, has_a_part_for_each_topic) {
    std::string all;
    for (const std::string_view word : kTopics) {
        const auto topic = find_topic(word);
        ASSERT_TRUE(topic) << word;
        const std::string part = topic_text(*topic);
        EXPECT_TRUE(part.starts_with(std::string(topic_title(*topic)) + ":\n  ")) << part;
        EXPECT_LE(lines_of(part).size(), 50u) << part;
        all += '\n' + part;
    }
    EXPECT_THAT(usage_text("neosocksd"), HasSubstr(all + "\nexample:"));
    EXPECT_FALSE(find_topic("limit"));
    EXPECT_FALSE(find_topic(""));
}

TEST(Usage, version_is_one_line_with_the_name_of_the_program) {
    EXPECT_EQ(version_text(), "neosocksd " + std::string(version()) + "\n");
}

}  // namespace
}  // namespace neosocksd::app
