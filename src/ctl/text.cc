// Tested by text_test.cc.

#include "ctl/text.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "base/utf8.h"

namespace neosocksd::ctl {
namespace {

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string printable(std::string_view text, bool lines) {
    std::string result;
    while (!text.empty()) {
        const auto [bytes, code] = first_character(text);
        if (bytes == 0)
            result += "\ufffd";
        else if (code == U'\t' && !lines)
            result += ' ';
        else if (is_control(code) && !(lines && (code == U'\n' || code == U'\t')))
            result += '?';
        else
            result += text.substr(0, bytes);
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return result;
}

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut_to(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) return std::string(text);
    if (columns == 0) return {};
    std::size_t end = 0;
    for (std::size_t left = columns - 1;; left--) {
        if (left == 0) break;
        end++;
        while (end < text.size() && continues(text[end])) end++;
    }
    return std::string(text.substr(0, end)) + "~";
}

Style Style::of(int fd) {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    const bool unwanted = no_color && *no_color;
    return Style(!unwanted && term && *term && std::string_view(term) != "dumb" && ::isatty(fd));
}

std::string Style::wrap(std::string_view code, std::string_view text) const {
    return colours_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace neosocksd::ctl
