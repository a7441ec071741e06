// The request-target: path and query of an API request (spec/rest.md section 1).
//
// Origin form ("/stats?q=1") or absolute form ("http://host/stats"). Names in it are compared after
// percent-decoding, with their case. What could be read in two ways ("//host", a stray "%", bytes
// that belong into no URL) is no target.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::api {

struct RequestTarget {
    std::string authority;          // of the absolute form; it replaces Host
    std::vector<std::string> path;  // decoded; a trailing slash makes an empty last one
    std::string query;              // behind the first '?', as it is

    // For the log: "/ruleset/invoke".
    std::string path_text() const;
};

std::optional<RequestTarget> parse_request_target(std::string_view text);

// key=value, joined by '&'; '+' is a blank. The last of equal keys counts; a key without '=' has an
// empty value.
class Query {
public:
    // nullopt: a percent sign without two hexadecimal digits, or one that hides a NUL.
    static std::optional<Query> parse(std::string_view text);

    std::optional<std::string> get(const std::string& key) const;
    // True for 1, y, yes, on, t and true; `otherwise` if the key is absent.
    bool flag(const std::string& key, bool otherwise) const;
    // The value, which is no longer there.
    std::optional<std::string> take(const std::string& key);
    const std::map<std::string, std::string>& values() const { return values_; }

private:
    std::map<std::string, std::string> values_;
};

}  // namespace neosocksd::api
