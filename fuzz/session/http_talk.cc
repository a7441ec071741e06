// See http_talk.h. Heads and bodies are read by our own parsers, which have fuzz targets of their
// own.

#include "fuzz/session/http_talk.h"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/session/stream.h"

namespace neosocksd::fuzz {
namespace {

using Kind = proto::Framing::Kind;

std::string framed(std::string body, bool chunked) {
    if (!chunked) return body;
    proto::frame_as_chunk(body, 0);
    return body += proto::kLastChunk;
}

bool has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

}  // namespace

unsigned http_requests(const Plan& plan) {
    return 1 + static_cast<unsigned>(plan.seed % kHttpRequestsMax);
}

HttpExchangePlan http_plan(const Plan& plan, unsigned request) {
    Dice dice(plan.seed + request);
    HttpExchangePlan exchange;
    exchange.request_bytes = dice.chance(50) ? 0 : std::min<std::uint64_t>(plan.up, 200'000);
    exchange.response_bytes = std::min<std::uint64_t>(plan.down, 200'000);
    exchange.request_chunked = exchange.request_bytes > 0 && dice.chance(40);
    exchange.head_only = exchange.request_bytes == 0 && dice.chance(10);
    exchange.response = dice.one_of({Kind::length, Kind::chunked, Kind::until_close});
    exchange.hasty = dice.chance(20);
    exchange.interim = dice.chance(20);
    exchange.up_seed = dice.fork();
    exchange.down_seed = dice.fork();
    return exchange;
}

HttpReader::Next HttpReader::of(proto::BodyDecoder::Status status) const {
    using Status = proto::BodyDecoder::Status;
    if (status == Status::malformed) return Next::malformed;
    return status == Status::complete ? Next::complete : Next::need_bytes;
}

HttpReader::Next HttpReader::read_head(std::string& in) {
    proto::HeadReader reader;
    const auto status = reader.read(in);
    if (status == proto::HeadReader::Status::need_bytes) return Next::need_bytes;
    if (status != proto::HeadReader::Status::complete) return Next::malformed;
    head_ = in.substr(0, reader.size());
    in.erase(0, reader.size());
    const char* why = "";
    std::optional<proto::Framing> framing;
    if (response_) {
        const auto head = proto::parse_response_head(head_);
        if (!head) return Next::malformed;
        status_ = head->status;
        framing = proto::framing_of(head->fields, head->version == "HTTP/1.0", false, why);
        if (framing && framing->kind == Kind::none) framing->kind = Kind::until_close;
        if (framing && (no_body_ || !has_body(status_))) framing = proto::Framing{};
    } else {
        const auto head = proto::parse_request_head(head_);
        if (!head) return Next::malformed;
        framing = proto::framing_of(head->fields, false, true, why);
    }
    if (!framing) return Next::malformed;
    framing_ = *framing;
    if (status_ != 100) decoder_.emplace(framing_);
    return Next::head;
}

HttpReader::Next HttpReader::read(std::string& in) {
    if (!decoder_) return read_head(in);
    const std::size_t before = payload_.size();
    if (decoder_->status() == proto::BodyDecoder::Status::need_bytes && !in.empty()) {
        const auto step = decoder_->decode(in, payload_);
        in.erase(0, step.consumed);
    }
    payload_bytes_ += payload_.size() - before;
    return of(decoder_->status());
}

HttpReader::Next HttpReader::end_of_stream() {
    if (!decoder_) return Next::malformed;
    return of(decoder_->end_of_stream());
}

HttpAsker::HttpAsker(const Plan& plan, std::string authority, bool check)
    : plan_(plan), authority_(std::move(authority)), check_(check) {}

void HttpAsker::ask(Wire& wire) {
    exchange_ = http_plan(plan_, asked_);
    const std::uint64_t size = exchange_.request_bytes;
    std::string head = fmt::format("{0} http://{1}/{2} HTTP/1.1\r\nHost: {1}\r\n",
                                   exchange_.head_only ? "HEAD"
                                   : size > 0          ? "POST"
                                                       : "GET",
                                   authority_, asked_);
    if (plan_.credentials) head += "Proxy-Authorization: Basic am9lOnNlY3JldA==\r\n";
    if (exchange_.request_chunked)
        head += "Transfer-Encoding: chunked\r\n";
    else if (size > 0)
        head += fmt::format("Content-Length: {}\r\n", size);
    wire.say(head + "\r\n");
    wire.say(framed(stream_bytes(exchange_.up_seed, 0, size), exchange_.request_chunked));
    asked_++;
    reader_.emplace(true);
    if (exchange_.head_only) reader_->expect_no_body();
}

// What arrived is a part of what the origin says; and all of it, if it came to an end.
void HttpAsker::judge(bool whole) {
    const std::string payload = std::move(reader_->payload());
    reader_->payload().clear();
    if (!check_ || reader_->status() != 200) return;
    const std::uint64_t before = reader_->payload_bytes() - payload.size();
    if (payload != stream_bytes(exchange_.down_seed, before, payload.size()))
        fail(fmt::format("session {}: a wrong response body after {}", plan_.id, before));
    if (!whole || exchange_.head_only) return;
    // An origin that may end at any time and be understood leaves room for doubt.
    const bool faultless = plan_.far.fault == Fault::none && !plan_.behind_hops;
    if (exchange_.response == Kind::until_close && !faultless) return;
    if (reader_->payload_bytes() != exchange_.response_bytes)
        fail(fmt::format("session {}: {} bytes of a response body of {} and a clean end", plan_.id,
                         reader_->payload_bytes(), exchange_.response_bytes));
}

bool HttpAsker::step(Wire& wire, std::string& in) {
    if (!reader_) ask(wire);
    for (;;) {
        const auto next = reader_->read(in);
        if (next == HttpReader::Next::head) continue;
        judge(next == HttpReader::Next::complete);
        if (next == HttpReader::Next::malformed) {
            if (check_) fail(fmt::format("session {}: a malformed response", plan_.id));
            return false;
        }
        if (next == HttpReader::Next::need_bytes) {
            if (wire.ended()) judge(reader_->end_of_stream() == HttpReader::Next::complete);
            return !wire.over();
        }
        if (asked_ == http_requests(plan_) || wire.over()) return false;
        ask(wire);
    }
}

void HttpAnswerer::answer(Wire& wire) {
    const std::uint64_t size = exchange_->response_bytes;
    if (exchange_->interim) wire.say("HTTP/1.1 100 Continue\r\n\r\n");
    std::string head = "HTTP/1.1 200 OK\r\nConnection: keep-alive, x-own\r\nX-Own: 1\r\n";
    if (exchange_->response == Kind::length) head += fmt::format("Content-Length: {}\r\n", size);
    if (exchange_->response == Kind::chunked) head += "Transfer-Encoding: chunked\r\n";
    wire.say(head + "\r\n");
    const bool until_close = exchange_->response == Kind::until_close;
    if (!exchange_->head_only)
        wire.say(framed(stream_bytes(exchange_->down_seed, 0, size),
                        exchange_->response == Kind::chunked));
    closing_ = until_close;
}

void HttpAnswerer::step(Wire& wire, std::string& in) {
    for (bool on = true; on && !closing_;) {
        const auto next = reader_.read(in);
        on = next == HttpReader::Next::head;
        if (on && !exchange_) {
            const auto head = proto::parse_request_head(reader_.head());
            const unsigned number =
                head->target.size() == 2 ? static_cast<unsigned>(head->target[1] - '0') : 0;
            exchange_ = http_plan(plan_, number);
            if (check_ && exchange_->head_only != (head->method == "HEAD"))
                fail(fmt::format("session {}: a wrong method", plan_.id));
            if (exchange_->hasty) answer(wire);
            answered_ = exchange_->hasty;
        }
        if (next == HttpReader::Next::malformed && check_)
            fail(fmt::format("session {}: the origin got a malformed request", plan_.id));
        if (!exchange_) break;
        const std::string payload = std::move(reader_.payload());
        reader_.payload().clear();
        const std::uint64_t before = reader_.payload_bytes() - payload.size();
        if (check_ && payload != stream_bytes(exchange_->up_seed, before, payload.size()))
            fail(fmt::format("session {}: a wrong request body after {}", plan_.id, before));
        if (next != HttpReader::Next::complete) continue;
        if (check_ && reader_.payload_bytes() != exchange_->request_bytes)
            fail(fmt::format("session {}: a request body of {} instead of {} bytes", plan_.id,
                             reader_.payload_bytes(), exchange_->request_bytes));
        if (!answered_) answer(wire);
        answered_ = false;
        exchange_.reset();
        reader_ = HttpReader(false);
        on = !in.empty();
    }
    if (closing_ || wire.ended()) wire.finish_when_said();
}

}  // namespace neosocksd::fuzz
