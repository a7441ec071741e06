// Tested by http_request_test.cc and fuzz_api_request.

#include "api/http_request.h"

#include <utility>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using proto::equal_ignoring_case;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Whether a comma-separated list, in one field or several, has this word.
bool list_has(const proto::Fields& fields, std::string_view name, std::string_view word) {
    for (const proto::Field& field : fields) {
        if (!equal_ignoring_case(field.name, name)) continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const auto end = std::min(list.find(','), list.size());
            std::string_view part = list.substr(0, end);
            list.remove_prefix(std::min(end + 1, list.size()));
            while (part.starts_with(' ') || part.starts_with('\t')) part.remove_prefix(1);
            while (part.ends_with(' ') || part.ends_with('\t')) part.remove_suffix(1);
            if (equal_ignoring_case(part, word)) return true;
        }
    }
    return false;
}

// RFC 9112 section 6.1: a coding that we do not know is not a mistake.
bool has_unknown_transfer_coding(const proto::Fields& fields) {
    const auto value = fields.find("Transfer-Encoding");
    return value && !value->empty() && !equal_ignoring_case(*value, "chunked");
}

std::optional<std::string> copy(std::optional<std::string_view> value) {
    if (!value) return std::nullopt;
    return std::string(*value);
}

}  // namespace

std::expected<std::string, int> HttpRequest::take_body() {
    if (body.empty()) return std::string();
    auto decoded = decode_body(std::move(body), coding);
    if (decoded) return std::move(*decoded);
    return std::unexpected(decoded.error() == InflateError::too_large ? 413 : 400);
}

RequestReader::Next RequestReader::feed(std::string_view bytes) {
    if (state_ == State::body) return read_body(bytes);
    input_ += bytes;
    return read_head();
}

RequestReader::Next RequestReader::next_request() {
    state_ = State::between;
    reader_ = {};
    request_ = {};
    return read_head();
}

RequestReader::Next RequestReader::read_head() {
    if (state_ == State::between) {
        // Old clients end a body with an empty line that they do not count (RFC 9112 section 2.2).
        if (input_.empty() || input_ == "\r") return Next::need_bytes;
        if (input_.starts_with("\r\n")) input_.erase(0, 2);
        state_ = State::head;
    }
    switch (reader_.read(input_)) {
    case proto::HeadReader::Status::need_bytes: return Next::need_bytes;
    case proto::HeadReader::Status::malformed: return refuse(400);
    case proto::HeadReader::Status::too_large: return refuse(413);
    case proto::HeadReader::Status::complete: break;
    }
    const auto head = proto::parse_request_head(std::string_view(input_).substr(0, reader_.size()));
    if (!head) return refuse(400);
    if (const int status = take_head(*head)) return refuse(status);
    input_.erase(0, reader_.size());
    state_ = State::body;
    return Next::head;
}

int RequestReader::take_head(const proto::RequestHead& head) {
    request_.method = head.method;
    auto target = parse_request_target(head.target);
    if (!target) return 400;
    request_.target = std::move(*target);

    const bool http_1_0 = head.version.starts_with("HTTP/1.0");
    if (has_unknown_transfer_coding(head.fields)) return 501;
    const char* why = nullptr;
    const auto framing = proto::framing_of(head.fields, http_1_0, false, why);
    if (!framing) return 400;
    framing_ = *framing;
    request_.has_length = framing_.kind != proto::Framing::Kind::none;
    if (framing_.length > limits::kApiBodyBytes) return 413;
    request_.keep_alive = !http_1_0 && !list_has(head.fields, "Connection", "close");

    // An HTTP/1.0 client would take the 100 for the answer (RFC 9110 section 10.1.1).
    const auto expectation = head.fields.find("Expect");
    if (expectation && !equal_ignoring_case(*expectation, "100-continue")) return 417;
    expects_continue_ = expectation && !http_1_0 &&
                        (framing_.length > 0 || framing_.kind == proto::Framing::Kind::chunked);
    return take_fields(head);
}

int RequestReader::take_fields(const proto::RequestHead& head) {
    const auto coding = content_coding(head.fields);
    if (!coding) return 415;
    request_.coding = *coding;
    request_.answer_coding = accepted_coding(head.fields);
    for (const char* name : {"Host", "Origin", "Authorization", "Content-Type"})
        if (head.fields.count(name) > 1) return 400;
    request_.host = copy(head.fields.find("Host"));
    if (!request_.target.authority.empty()) request_.host = request_.target.authority;
    request_.origin = copy(head.fields.find("Origin"));
    request_.fetch_site = copy(head.fields.find("Sec-Fetch-Site"));
    request_.authorization = copy(head.fields.find("Authorization"));
    request_.content_type = copy(head.fields.find("Content-Type"));
    request_.wants_json = accepts_json(head.fields);
    return 0;
}

RequestReader::Next RequestReader::accept_body() {
    // Also if the body is there already: 1.4.2 does, and clients may wait for it.
    if (std::exchange(expects_continue_, false)) output_ += kContinue;
    decoder_ = proto::BodyDecoder(framing_);
    const std::string behind = std::exchange(input_, {});
    return read_body(behind);
}

RequestReader::Next RequestReader::read_body(std::string_view bytes) {
    const auto step = decoder_.decode(bytes, request_.body);
    if (request_.body.size() > limits::kApiBodyBytes) return refuse(413);
    switch (step.status) {
    case proto::BodyDecoder::Status::need_bytes: return Next::need_bytes;
    case proto::BodyDecoder::Status::malformed: return refuse(400);
    case proto::BodyDecoder::Status::complete: break;
    }
    input_ = bytes.substr(step.consumed);
    state_ = State::done;
    return Next::request;
}

RequestReader::Next RequestReader::refuse(int status) {
    status_ = status;
    state_ = State::done;
    request_.keep_alive = false;
    return Next::refuse;
}

}  // namespace neosocksd::api
