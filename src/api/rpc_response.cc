// Tested by rpc_response_test.cc and fuzz_rpc_response.

#include "api/rpc_response.h"

#include <utility>

#include <fmt/format.h>

#include "api/media_type.h"
#include "base/limits.h"

namespace neosocksd::api {
namespace {

constexpr const char* kBroken = "error receiving response";   // no HTTP, or cut off
constexpr const char* kUnusable = "error parsing response";   // well-formed, but not for us
constexpr const char* kForeign = "unsupported content-type";  // somebody else's answer

bool is_success(int status) {
    return status >= 200 && status < 300;
}

// RFC 9112 section 6.3: whatever its fields say.
bool has_no_body(int status) {
    return status < 200 || status == 204 || status == 304;
}

}  // namespace

RpcResponse::Next RpcResponse::feed(std::string_view bytes) {
    switch (state_) {
    case State::head:
        head_ += bytes;
        read_head();
        break;
    case State::body: read_body(bytes); break;
    case State::done: break;
    }
    return state_ == State::done ? Next::done : Next::need_bytes;
}

RpcResponse::Next RpcResponse::end_of_stream() {
    if (state_ == State::done) return Next::done;
    if (state_ == State::body && decoder_.end_of_stream() == proto::BodyDecoder::Status::complete)
        body_complete();
    else
        fail(kBroken);
    return Next::done;
}

void RpcResponse::read_head() {
    switch (reader_.read(head_)) {
    case proto::HeadReader::Status::need_bytes: return;
    case proto::HeadReader::Status::malformed:
    case proto::HeadReader::Status::too_large: return fail(kBroken);
    case proto::HeadReader::Status::complete: break;
    }
    const std::string_view text = std::string_view(head_).substr(0, reader_.size());
    const auto head = proto::parse_response_head(text);
    if (!head) return fail(kBroken);
    success_ = is_success(head->status);
    status_line_ = fmt::format("{} {}", head->version, head->status);
    if (!head->reason.empty()) status_line_ += fmt::format(" {}", head->reason);
    const auto type = head->fields.find("Content-Type");
    if (!type || !is_rpc_content_type(*type)) {
        if (success_) return fail(kForeign);
        return fail(status_line_.c_str());
    }
    if (has_no_body(head->status)) return body_complete();

    const char* why = nullptr;
    auto framing =
        proto::framing_of(head->fields, head->version.starts_with("HTTP/1.0"), false, why);
    const auto coding = content_coding(head->fields);
    if (!framing || (success_ && !coding) ||
        (framing->kind == proto::Framing::Kind::length && framing->length > limits::kApiBodyBytes))
        return fail(kUnusable);
    if (framing->kind == proto::Framing::Kind::none)
        framing->kind = proto::Framing::Kind::until_close;
    // The text of a failure is passed on as it is.
    if (success_) coding_ = *coding;
    decoder_ = proto::BodyDecoder(*framing);
    state_ = State::body;
    const std::string behind = head_.substr(reader_.size());
    read_body(behind);
}

void RpcResponse::read_body(std::string_view bytes) {
    const auto step = decoder_.decode(bytes, body_);
    if (body_.size() > limits::kApiBodyBytes) return fail(kUnusable);
    switch (step.status) {
    case proto::BodyDecoder::Status::need_bytes: return;
    case proto::BodyDecoder::Status::malformed: return fail(kBroken);
    case proto::BodyDecoder::Status::complete: return body_complete();
    }
}

void RpcResponse::body_complete() {
    if (!success_) {
        // A peer's message if there is one.
        std::string message = body_.empty() ? std::move(status_line_) : std::move(body_);
        return finish(std::unexpected(std::move(message)));
    }
    auto decoded = decode_body(std::move(body_), coding_);
    if (!decoded) return fail(kUnusable);
    finish(std::move(*decoded));
}

void RpcResponse::finish(std::expected<std::string, std::string> result) {
    result_ = std::move(result);
    state_ = State::done;
    head_ = {};
    body_ = {};
}

}  // namespace neosocksd::api
