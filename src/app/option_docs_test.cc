// Every document names every option; what the formats need to be escaped is.

#include "app/option_docs.h"

#include <gtest/gtest.h>

#include "app/help.h"
#include "app/option_table.h"
#include "app/options.h"

namespace neosocksd::app {
namespace {

class Document : public testing::TestWithParam<std::string_view> {};

INSTANTIATE_TEST_SUITE_P(Formats, Document, testing::ValuesIn(kDocumentFormats),
                         [](const auto& row) { return std::string(row.param); });

// As the format writes a name: fish leaves the dashes out, roff escapes them.
std::string written(std::string_view format, std::string_view name) {
    if (format == "fish")
        return name.starts_with("--") ? " -l " + std::string(name.substr(2))
                                      : " -s " + std::string(name.substr(1));
    if (format != "man") return std::string(name);
    std::string result;
    for (const char c : name) result += c == '-' ? "\\-" : std::string(1, c);
    return result;
}

TEST_P(Document, names_every_option) {
    const std::string text = option_document(GetParam());
    for (const OptionSpec& spec : option_table())
        for (const std::string_view name : spec.names())
            EXPECT_NE(text.find(written(GetParam(), name)), std::string::npos) << name;
}

TEST_P(Document, ends_in_a_newline_and_holds_no_placeholder) {
    const std::string text = option_document(GetParam());
    EXPECT_TRUE(text.ends_with('\n'));
    EXPECT_EQ(text.find("{}"), std::string::npos);
}

TEST_P(Document, is_what_help_as_prints) {
    const std::string format(GetParam());
    const char* arguments[] = {"neosocksd", "--help-as", format.c_str()};
    const auto parsed = parse(3, arguments);
    const auto* answer = std::get_if<Answer>(&parsed);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->status, 0);
    EXPECT_FALSE(answer->to_standard_error);
    EXPECT_EQ(answer->text, option_document(format));
}

TEST(OptionDocument, of_an_unknown_format_is_refused_with_the_formats) {
    EXPECT_EQ(option_document("pdf"), "");
    const char* arguments[] = {"neosocksd", "--help-as", "pdf"};
    const auto parsed = parse(3, arguments);
    const auto* messages = std::get_if<std::vector<Message>>(&parsed);
    ASSERT_NE(messages, nullptr);
    EXPECT_EQ(messages->front().text,
              "argument error: --help-as `pdf' (man, markdown, bash, zsh, fish)");
}

TEST(UsageText, fits_a_screen_per_topic) {
    const std::string text = usage_text("neosocksd");
    constexpr std::size_t kScreenLines = 40;
    std::size_t lines = 0;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = text.find('\n', start);
        lines = end == start ? 0 : lines + 1;  // topics are set apart by an empty line
        EXPECT_LE(lines, kScreenLines);
        start = end + 1;
    }
}

}  // namespace
}  // namespace neosocksd::app
