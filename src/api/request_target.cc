// Tested by request_target_test.cc and fuzz_api_request.

#include "api/request_target.h"

#include <algorithm>

#include "proto/http_head.h"

namespace neosocksd::api {
namespace {

constexpr std::string_view kScheme = "http://";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '+' && plus_is_blank) {
            decoded += ' ';
        } else if (text[i] != '%') {
            decoded += text[i];
        } else {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
            decoded += static_cast<char>(high << 4 | low);
            i += 2;
        }
    }
    return decoded;
}

bool belongs_into_a_target(char c) {
    return c > 0x20 && c < 0x7f;
}

bool is_absolute_form(std::string_view text) {
    return text.size() >= kScheme.size() &&
           proto::equal_ignoring_case(text.substr(0, kScheme.size()), kScheme);
}

// Leaves path and query; false if there is no host.
bool take_authority(std::string_view& text, std::string& authority) {
    text.remove_prefix(kScheme.size());
    const auto slash = text.find_first_of("/?#");
    authority = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
    return !authority.empty();
}

}  // namespace

std::string RequestTarget::path_text() const {
    std::string text;
    for (const std::string& segment : path) text += "/" + segment;
    return text;
}

std::optional<RequestTarget> parse_request_target(std::string_view text) {
    if (!std::ranges::all_of(text, belongs_into_a_target)) return std::nullopt;
    RequestTarget target;
    if (is_absolute_form(text) && !take_authority(text, target.authority)) return std::nullopt;
    text = text.substr(0, text.find('#'));
    if (const auto mark = text.find('?'); mark != std::string_view::npos) {
        target.query = text.substr(mark + 1);
        text = text.substr(0, mark);
    }
    if (!text.starts_with('/')) return std::nullopt;
    // "//x" is a host to some; "///x" has none.
    if (text.starts_with("//") && !text.starts_with("///")) return std::nullopt;
    while (!text.empty()) {
        const auto begin = std::min(text.find_first_not_of('/'), text.size());
        text.remove_prefix(begin);
        const auto end = std::min(text.find('/'), text.size());
        auto segment = percent_decode(text.substr(0, end), false);
        if (!segment) return std::nullopt;
        target.path.push_back(std::move(*segment));
        text.remove_prefix(end);
    }
    return target;
}

std::optional<Query> Query::parse(std::string_view text) {
    Query query;
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.empty()) continue;
        const auto equals = std::min(part.find('='), part.size());
        auto key = percent_decode(part.substr(0, equals), true);
        auto value = percent_decode(part.substr(std::min(equals + 1, part.size())), true);
        if (!key || !value) return std::nullopt;
        query.values_[std::move(*key)] = std::move(*value);
    }
    return query;
}

std::optional<std::string> Query::get(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
}

std::optional<std::string> Query::take(const std::string& key) {
    auto node = values_.extract(key);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
}

bool Query::flag(const std::string& key, bool otherwise) const {
    const auto value = get(key);
    if (!value) return otherwise;
    for (const char* yes : {"1", "y", "yes", "on", "t", "true"})
        if (*value == yes) return true;
    return false;
}

}  // namespace neosocksd::api
