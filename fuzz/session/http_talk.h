// Plain HTTP as the two ends of the session fuzzer speak it: one connection of the client, some
// requests on it, each of which may reach the origin on a connection of its own.
//
// Bodies are streams of the plan; what is framed by a length or by chunks must arrive whole or
// visibly broken, whatever the proxy made of the framing.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fuzz/session/plan.h"
#include "fuzz/session/wire.h"
#include "proto/http_body.h"
#include "proto/http_head.h"

namespace neosocksd::fuzz {

// What the requests of a conversation are: both ends know.
struct HttpExchangePlan {
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
    bool request_chunked = false;
    bool head_only = false;  // HEAD
    proto::Framing::Kind response = proto::Framing::Kind::length;
    bool hasty = false;    // the origin answers before it has read the body
    bool interim = false;  // and says 100 first
    std::uint64_t up_seed = 0;
    std::uint64_t down_seed = 0;
};
inline constexpr unsigned kHttpRequestsMax = 3;
HttpExchangePlan http_plan(const Plan& plan, unsigned request);
unsigned http_requests(const Plan& plan);

// A head, then a body in whatever framing the head says.
class HttpReader {
public:
    enum class Next : std::uint8_t { need_bytes, head, complete, malformed };

    explicit HttpReader(bool response) : response_(response) {}
    // Takes from the front of `in`. `head` is reported once; the body's framing is read from it.
    Next read(std::string& in);
    Next end_of_stream();
    void expect_no_body() { no_body_ = true; }

    const std::string& head() const { return head_; }
    int status() const { return status_; }
    std::uint64_t payload_bytes() const { return payload_bytes_; }
    // What is new of the payload.
    std::string& payload() { return payload_; }
    proto::Framing::Kind framing() const { return framing_.kind; }

private:
    Next read_head(std::string& in);
    Next of(proto::BodyDecoder::Status status) const;

    bool response_;
    bool no_body_ = false;
    std::string head_;
    int status_ = 0;
    proto::Framing framing_;
    std::optional<proto::BodyDecoder> decoder_;
    std::string payload_;
    std::uint64_t payload_bytes_ = 0;
};

// The client: asks, reads the answer, asks again.
class HttpAsker {
public:
    HttpAsker(const Plan& plan, std::string authority, bool check);
    // False: it has nothing more to say or to hear.
    bool step(Wire& wire, std::string& in);

private:
    void ask(Wire& wire);
    void judge(bool whole);

    const Plan& plan_;
    std::string authority_;
    bool check_;
    unsigned asked_ = 0;
    std::optional<HttpReader> reader_;
    HttpExchangePlan exchange_;
};

// The origin: answers requests until the connection ends.
class HttpAnswerer {
public:
    HttpAnswerer(const Plan& plan, bool check) : plan_(plan), check_(check) {}
    void step(Wire& wire, std::string& in);

private:
    void answer(Wire& wire);

    const Plan& plan_;
    bool check_;
    bool answered_ = false;
    bool closing_ = false;
    HttpReader reader_{false};
    std::optional<HttpExchangePlan> exchange_;
};

}  // namespace neosocksd::fuzz
