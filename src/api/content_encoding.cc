// Tested by http_request_test.cc and rpc_response_test.cc.

#include "api/content_encoding.h"

#include <utility>

#include "api/http_response.h"
#include "base/limits.h"

namespace neosocksd::api {
namespace {

using proto::equal_ignoring_case;

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view take_until(std::string_view& text, char end) {
    const auto at = text.find(end);
    const auto front = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return trim(front);
}

// "q=0", "q=0.000": not acceptable. Any other weight is as good as none: we have one wish of our
// own, and no client is hurt by the order.
bool is_refusal(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view value = take_until(parameters, ';');
        const std::string_view name = take_until(value, '=');
        if (!equal_ignoring_case(name, "q")) continue;
        value = trim(value);
        return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
    }
    return false;
}

struct Wish {
    bool named = false;
    bool allowed = false;
};

}  // namespace

std::optional<Coding> content_coding(const proto::Fields& fields) {
    auto coding = Coding::identity;
    for (const proto::Field& field : fields) {
        if (!equal_ignoring_case(field.name, "Content-Encoding")) continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const std::string_view name = take_until(list, ',');
            if (name.empty() || equal_ignoring_case(name, "identity")) continue;
            if (coding != Coding::identity) return std::nullopt;
            if (equal_ignoring_case(name, "deflate"))
                coding = Coding::deflate;
            else if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip"))
                coding = Coding::gzip;
            else
                return std::nullopt;
        }
    }
    return coding;
}

Coding accepted_coding(const proto::Fields& fields) {
    Wish deflate, gzip, rest;
    for (const proto::Field& field : fields) {
        if (!equal_ignoring_case(field.name, "Accept-Encoding")) continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            std::string_view parameters = take_until(list, ',');
            const std::string_view name = take_until(parameters, ';');
            const Wish wish{true, !is_refusal(parameters)};
            if (equal_ignoring_case(name, "deflate")) deflate = wish;
            if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip"))
                gzip = wish;
            if (name == "*") rest = wish;
        }
    }
    if (deflate.named ? deflate.allowed : rest.allowed) return Coding::deflate;
    if (gzip.named ? gzip.allowed : rest.allowed) return Coding::gzip;
    return Coding::identity;
}

bool accepts_json(const proto::Fields& fields) {
    for (const proto::Field& field : fields) {
        if (!equal_ignoring_case(field.name, "Accept")) continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            std::string_view parameters = take_until(list, ',');
            if (equal_ignoring_case(take_until(parameters, ';'), kJson))
                return !is_refusal(parameters);
        }
    }
    return false;
}

std::string_view coding_name(Coding coding) {
    switch (coding) {
    case Coding::deflate: return "deflate";
    case Coding::gzip: return "gzip";
    case Coding::identity: break;
    }
    return "identity";
}

std::expected<std::string, InflateError> decode_body(std::string body, Coding coding) {
    if (coding == Coding::identity) return body;
    return inflate(body, coding == Coding::gzip ? Format::gzip : Format::zlib_or_raw,
                   limits::kInflatedBytes);
}

std::string encode_body(std::string body, Coding coding) {
    if (coding == Coding::identity) return body;
    return deflate(body, coding == Coding::gzip ? Format::gzip : Format::zlib);
}

}  // namespace neosocksd::api
