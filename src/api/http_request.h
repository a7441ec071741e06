// Requests to the API: bytes in, requests out. HTTP/1.1 with persistent connections, bodies of
// known length or in chunks (RFC 9112), on the parsers that the proxy uses as well.
//
//   feed() ─▶ head ─▶ accept_body() ─▶ request ─▶ next_request() ─▶ ...
//
// After the head it stops, so that a request that is to be refused is refused before its body is
// read, and before "100 Continue" asks for it. Bytes behind a request are kept for the next one.
// What is wrong with a request becomes the status of an error page; nothing follows it.

#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/content_encoding.h"
#include "api/request_target.h"
#include "proto/http_body.h"
#include "proto/http_head.h"

namespace neosocksd::api {

struct HttpRequest {
    std::string method;
    RequestTarget target;
    // Of these fields the values, if they are there.
    std::optional<std::string> host;  // the target's authority comes first
    std::optional<std::string> origin;
    std::optional<std::string> fetch_site;
    std::optional<std::string> authorization;
    std::optional<std::string> content_type;
    bool keep_alive = false;
    bool has_length = false;                  // a body was announced, perhaps an empty one
    Coding coding = Coding::identity;         // of the body
    Coding answer_coding = Coding::identity;  // what the client takes
    bool wants_json = false;                  // where there is a choice
    std::string body;                         // as sent

    bool is_head() const { return method == "HEAD"; }
    // The decoded body, or the status of the page to answer.
    std::expected<std::string, int> take_body();
};

class RequestReader {
public:
    enum class Next : std::uint8_t {
        need_bytes,
        head,     // request() without its body: go on with accept_body(), or answer and close
        request,  // request() is complete: go on with next_request(), or close
        refuse,   // answer with the page of status() and close
    };

    // Only while it needs bytes.
    Next feed(std::string_view bytes);
    Next accept_body();
    Next next_request();

    // Some of a request has come.
    bool started() const { return state_ == State::body || !input_.empty(); }
    // It has not come to its end.
    bool reading() const { return state_ != State::done; }
    HttpRequest& request() { return request_; }
    int status() const { return status_; }
    // To be sent before anything else: "100 Continue".
    std::string& output() { return output_; }

private:
    enum class State : std::uint8_t { between, head, body, done };

    Next read_head();
    Next read_body(std::string_view bytes);
    // The status to refuse it with, or 0.
    int take_head(const proto::RequestHead& head);
    int take_fields(const proto::RequestHead& head);
    Next refuse(int status);

    State state_ = State::head;
    proto::HeadReader reader_;
    std::string input_;  // of the head; behind a request: of the next one
    proto::Framing framing_;
    proto::BodyDecoder decoder_{proto::Framing{}};
    HttpRequest request_;
    std::string output_;
    bool expects_continue_ = false;
    int status_ = 0;
};

}  // namespace neosocksd::api
