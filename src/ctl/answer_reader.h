// An answer of the API: bytes in, status and body out, decoded and bounded.
//
// It is the client's half of what api/http_request.h is for the server, on the same parsers.

#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "api/content_encoding.h"
#include "proto/http_body.h"
#include "proto/http_head.h"

namespace neosocksd::ctl {

struct Answer {
    int status = 0;
    std::string reason;        // "Not Found"; may be empty
    std::string content_type;  // may be empty
    std::string body;
};

class AnswerReader {
public:
    enum class Next : unsigned char { need_bytes, done };

    Next feed(std::string_view bytes);
    // The peer's end of stream. Always done.
    Next end_of_stream();

    // Once done: the answer, or what is wrong with it.
    std::expected<Answer, std::string> take() { return std::move(result_); }

private:
    enum class State : unsigned char { head, body, done };

    void read_head();
    void read_body(std::string_view bytes);
    void complete();
    void fail(std::string why);

    State state_ = State::head;
    proto::HeadReader reader_;
    std::string head_;
    proto::BodyDecoder decoder_{proto::Framing{}};
    api::Coding coding_ = api::Coding::identity;
    Answer answer_;
    std::expected<Answer, std::string> result_;
};

}  // namespace neosocksd::ctl
