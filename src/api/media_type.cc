// RFC 9110 section 8.3.1. Tested by media_type_test.cc.

#include "api/media_type.h"

#include <string>

#include "proto/http_head.h"

namespace neosocksd::api {
namespace {

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the text up to `end`, or all of it, off the front. A quoted string hides what it holds.
std::string_view take_until(std::string_view& text, char end) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == end && !quoted) {
            const auto front = text.substr(0, i);
            text.remove_prefix(i + 1);
            return front;
        }
    }
    const auto front = text;
    text = {};
    return front;
}

// A token, or what a quoted string means.
std::string unquoted(std::string_view value) {
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
    std::string text;
    for (std::size_t i = 1; i + 1 < value.size(); i++) {
        if (value[i] == '\\' && i + 2 < value.size()) i++;
        text += value[i];
    }
    return text;
}

}  // namespace

bool is_rpc_content_type(std::string_view value) {
    const std::string_view type = trim(take_until(value, ';'));
    if (!proto::equal_ignoring_case(type, "application/x-neosocksd-rpc")) return false;
    bool right = false;
    while (!value.empty()) {
        std::string_view parameter = take_until(value, ';');
        const std::string_view name = trim(take_until(parameter, '='));
        if (proto::equal_ignoring_case(name, "version")) right = unquoted(trim(parameter)) == "1";
    }
    return right;
}

}  // namespace neosocksd::api
