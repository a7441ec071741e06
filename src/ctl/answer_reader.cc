// Tested by answer_reader_test.cc.

#include "ctl/answer_reader.h"

#include <utility>

#include "base/limits.h"

namespace neosocksd::ctl {
namespace {

constexpr const char* kNoHttp = "the answer is not HTTP";
constexpr const char* kCutOff = "the answer ends too early";
constexpr const char* kTooLarge = "the answer is too large";

}  // namespace

AnswerReader::Next AnswerReader::feed(std::string_view bytes) {
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

AnswerReader::Next AnswerReader::end_of_stream() {
    if (state_ == State::done) return Next::done;
    if (state_ == State::body && decoder_.end_of_stream() == proto::BodyDecoder::Status::complete)
        complete();
    else
        fail(state_ == State::head && head_.empty() ? "the server closed without an answer"
                                                    : kCutOff);
    return Next::done;
}

void AnswerReader::read_head() {
    switch (reader_.read(head_)) {
    case proto::HeadReader::Status::need_bytes: return;
    case proto::HeadReader::Status::malformed:
    case proto::HeadReader::Status::too_large: return fail(kNoHttp);
    case proto::HeadReader::Status::complete: break;
    }
    const auto head = proto::parse_response_head(std::string_view(head_).substr(0, reader_.size()));
    if (!head) return fail(kNoHttp);
    answer_.status = head->status;
    answer_.reason = head->reason;
    answer_.content_type = head->fields.find("Content-Type").value_or("");
    const char* why = nullptr;
    auto framing =
        proto::framing_of(head->fields, head->version.starts_with("HTTP/1.0"), false, why);
    const auto coding = api::content_coding(head->fields);
    std::string behind = head_.substr(reader_.size());
    if (head->status < 200) {
        // An interim answer: the real one follows.
        reader_ = {};
        head_ = std::move(behind);
        return read_head();
    }
    if (!framing || !coding) return fail("the answer is in a form that we do not know");
    if (head->status == 204 || head->status == 304) return complete();
    if (framing->kind == proto::Framing::Kind::length && framing->length > limits::kCtlAnswerBytes)
        return fail(kTooLarge);
    if (framing->kind == proto::Framing::Kind::none)
        framing->kind = proto::Framing::Kind::until_close;
    coding_ = *coding;
    decoder_ = proto::BodyDecoder(*framing);
    state_ = State::body;
    read_body(behind);
}

void AnswerReader::read_body(std::string_view bytes) {
    const auto step = decoder_.decode(bytes, answer_.body);
    if (answer_.body.size() > limits::kCtlAnswerBytes) return fail(kTooLarge);
    switch (step.status) {
    case proto::BodyDecoder::Status::need_bytes: return;
    case proto::BodyDecoder::Status::malformed: return fail(kCutOff);
    case proto::BodyDecoder::Status::complete: return complete();
    }
}

void AnswerReader::complete() {
    auto body = api::decode_body(std::move(answer_.body), coding_);
    if (!body) return fail("the answer can not be decompressed");
    answer_.body = std::move(*body);
    result_ = std::move(answer_);
    state_ = State::done;
}

void AnswerReader::fail(std::string why) {
    result_ = std::unexpected(std::move(why));
    state_ = State::done;
}

}  // namespace neosocksd::ctl
