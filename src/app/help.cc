// Lays out the usage text: names to the left, the sentence to the right, wrapped between words.
// Tested by help_test.cc.

#include "app/help.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "app/option_table.h"

// The build passes the version to this file alone, so that a new one compiles only this.
#ifndef NEOSOCKSD_VERSION
#define NEOSOCKSD_VERSION "development"
#endif

namespace neosocksd::app {
namespace {

constexpr std::size_t kColumns = 100;
// Where sentences begin: most names fit before it; after a longer one the line is broken.
constexpr std::size_t kSentenceColumn = 34;

constexpr std::string_view kExamples =
    "example:\n"
    "  neosocksd -l :1080                         # SOCKS and HTTP proxy, IPv4\n"
    "  neosocksd -l '[::]:1080'                   # the same, IPv4 and IPv6\n"
    "  neosocksd -l 127.0.0.1:1080 --http :8080   # SOCKS for this host, HTTP for all\n"
    "  neosocksd -l :1080 -x socks5://10.0.0.1    # through another proxy\n"
    "  neosocksd -l :8443 -f www.example.com:443  # forward one port\n"
    "  neosocksd ctl --help                       # look into a running one\n";

// "  -t, --timeout SECONDS"; long names stand below each other whether or not there is a short one.
std::string names_and_argument(const OptionSpec& spec) {
    std::string text = spec.short_name.empty() ? "      " : fmt::format("  {}", spec.short_name);
    bool first = true;
    for (const std::string_view name : {spec.long_name, spec.alias}) {
        if (name.empty()) continue;
        text += fmt::format("{}{}", first && spec.short_name.empty() ? "" : ", ", name);
        first = false;
    }
    if (spec.takes_argument())
        text += spec.argument_optional ? fmt::format(" [{}]", spec.argument)
                                       : fmt::format(" {}", spec.argument);
    return text;
}

// "The sentence (5-86400; default 60)."
std::string sentence(const OptionSpec& spec) {
    std::string remark = spec.allowed_values();
    if (!spec.default_text.empty())
        remark += fmt::format("{}default {}", remark.empty() ? "" : "; ", spec.default_text);
    return remark.empty() ? std::string(spec.help) : fmt::format("{} ({})", spec.help, remark);
}

// Appends `words` at kSentenceColumn; the last line of `text` may be begun and is filled up.
void append_wrapped(std::string& text, std::string_view words) {
    std::size_t column = text.size() - (text.rfind('\n') + 1);
    const auto indent = [&] {
        text.append(kSentenceColumn - column, ' ');
        column = kSentenceColumn;
    };
    const auto break_line = [&] {
        text += '\n';
        column = 0;
        indent();
    };
    // At least two blanks keep the names apart from the sentence.
    if (column + 2 > kSentenceColumn)
        break_line();
    else
        indent();
    while (!words.empty()) {
        const std::string_view word = words.substr(0, words.find(' '));
        const bool line_begins = column == kSentenceColumn;
        if (!line_begins && column + 1 + word.size() > kColumns) break_line();
        if (column != kSentenceColumn) {
            text += ' ';
            column++;
        }
        text += word;
        column += word.size();
        words.remove_prefix(std::min(word.size() + 1, words.size()));
    }
    text += '\n';
}

}  // namespace

std::string_view version() {
    return NEOSOCKSD_VERSION;
}

std::string usage_text(std::string_view program) {
    std::string text = fmt::format("neosocksd {}\n  {}\n\nusage: {} <option>... \n", version(),
                                   kHomepage, program);
    for (const std::string_view word : kTopics) text += '\n' + topic_text(*find_topic(word));
    return fmt::format("{}\n{}\n", text, kExamples);
}

std::string topic_text(Topic topic) {
    std::string text = fmt::format("{}:\n", topic_title(topic));
    for (const OptionSpec& spec : option_table()) {
        if (spec.topic != topic) continue;
        text += names_and_argument(spec);
        append_wrapped(text, sentence(spec));
    }
    return text;
}

std::string version_text() {
    return fmt::format("neosocksd {}\n", version());
}

}  // namespace neosocksd::app
