// The answer to an RPC call: bytes in, result out (spec/rpc.md section 5).
//
// The result is the body, or the message that the caller is to see. A response ends where its
// framing says, or with the stream if it says nothing. It may be decided before it is over: what
// follows is then of no interest.

#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "api/content_encoding.h"
#include "proto/http_body.h"
#include "proto/http_head.h"

namespace neosocksd::api {

class RpcResponse {
public:
    enum class Next : std::uint8_t { need_bytes, done };

    Next feed(std::string_view bytes);
    // The peer's end of stream. Always done.
    Next end_of_stream();

    // Once done.
    const std::expected<std::string, std::string>& result() const { return result_; }
    std::expected<std::string, std::string> take() { return std::move(result_); }

private:
    enum class State : std::uint8_t { head, body, done };

    void read_head();
    void read_body(std::string_view bytes);
    void body_complete();
    void finish(std::expected<std::string, std::string> result);
    void fail(const char* message) { finish(std::unexpected<std::string>(message)); }

    State state_ = State::head;
    proto::HeadReader reader_;
    std::string head_;
    proto::BodyDecoder decoder_{proto::Framing{}};
    std::string body_;
    Coding coding_ = Coding::identity;
    bool success_ = false;     // of the status
    std::string status_line_;  // "HTTP/1.1 500 Internal Server Error"
    std::expected<std::string, std::string> result_;
};

}  // namespace neosocksd::api
