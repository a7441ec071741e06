// Tested by tests/e2e/test_http_forward*.py.

#include "proxy/http_exchange.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>

#include "io/await.h"
#include "io/peek.h"

namespace neosocksd::proxy {
namespace {

using Status = proto::BodyDecoder::Status;
using Kind = proto::Framing::Kind;

constexpr std::string_view kVersionStart = "HTTP/1.";

void add(std::atomic<std::uint64_t>& total, std::uint64_t bytes) {
    // Only this thread writes.
    total.store(total.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

// Payload from `begin` on, framed; the end of the body too if that is here.
void frame(Kind kind, Status status, std::string& bytes, std::size_t begin) {
    if (kind != Kind::chunked) return;
    proto::frame_as_chunk(bytes, begin);
    if (status == Status::complete) bytes += proto::kLastChunk;
}

}  // namespace

HttpExchange::IdleTimer::IdleTimer(HttpExchange& owner)
    : Timer([](Timer& timer) {
          HttpExchange& self = static_cast<IdleTimer&>(timer).exchange;
          // To a client that has not sent its request a response would say nothing.
          const bool answer = self.uploaded_ && !self.response_started_;
          self.give_up(Outcome::dial_timeout, answer ? 504 : 0,
                       self.uploaded_ ? "no response in time" : "the request stalled");
      }),
      exchange(owner) {}

HttpExchange::HttpExchange(const Context& context, io::Socket& client, io::Socket& target,
                           const proto::ForwardRequest& request)
    : context_(context),
      client_(client),
      target_(target),
      request_(request),
      scope_(&context.parent),
      uploads_(&scope_),
      request_body_(request.body),
      first_up_(request.head) {}

bool HttpExchange::take_early(std::string_view bytes) {
    frame_up(bytes, first_up_);
    return request_body_.status() != Status::malformed;
}

void HttpExchange::fit_page(std::string& page) const {
    const auto head = page.find("\r\n\r\n");
    if (request_.head_only && head != std::string::npos) page.resize(head + 4);
}

io::Task<ExchangeEnd> HttpExchange::run(std::string from_target) {
    input_ = std::move(from_target);
    progress();
    uploads_.spawn(upload());
    auto downloading = download().in_scope(scope_);
    ExchangeEnd end = co_await std::move(downloading);
    stop_timing();
    uploads_.cancel();
    co_await uploads_.drained();
    if (scope_.cancelled() && end.kind != ExchangeEnd::Kind::complete) {
        const bool reset = end.reset;
        end = std::move(failure_);
        if (end.kind != ExchangeEnd::Kind::failed) {
            end.kind = ExchangeEnd::Kind::failed;
            end.outcome = Outcome::stopped;
            end.text = "the server ends";
        }
        end.reset = reset;
    }
    end.keep_alive = end.keep_alive && uploaded_ && !client_ended_;
    co_return end;
}

void HttpExchange::frame_up(std::string_view bytes, std::string& out) {
    const std::size_t begin = out.size();
    const auto step = request_body_.decode(bytes, out);
    frame(request_.body.kind, step.status, out, begin);
    if (step.status == Status::complete) behind_ += bytes.substr(step.consumed);
}

io::Task<void> HttpExchange::upload() {
    bool sent = co_await send_up(first_up_);
    std::string().swap(first_up_);
    while (sent && request_body_.status() == Status::need_bytes) {
        std::string out;
        const auto got = co_await io::recv(context_.loop, client_,
                                           [&](std::string_view bytes) { frame_up(bytes, out); });
        if (uploads_.scope().cancelled()) co_return;
        if (!got || *got == 0) {
            give_up(Outcome::client_gone, 0, "the client hung up within its request");
            co_return;
        }
        if (request_body_.status() == Status::malformed) {
            give_up(Outcome::bad_request, response_started_ ? 0 : 400, "bad chunk in the request");
            co_return;
        }
        progress();
        sent = co_await send_up(out);
    }
    // A target that takes no more may have answered already: download() finds out.
    if (!sent) co_return;
    uploaded_ = true;
    co_await watch_client();
}

io::Task<void> HttpExchange::watch_client() {
    const auto done = co_await io::wait_for(context_.loop, client_, io::Readiness::peer_done);
    if (uploads_.scope().cancelled()) co_return;
    const int there = io::peek(client_.fd());
    if (!done || (there < 0 && there != -EAGAIN)) {
        give_up(Outcome::client_gone, 0, "the client hung up");
        co_return;
    }
    // Behind a further request the end is that one's affair.
    if (there == 0 && behind_.empty()) {
        client_ended_ = true;
        ::shutdown(target_.fd(), SHUT_WR);
        timed_ = true;
        progress();
    }
    [[maybe_unused]] const auto reset =
        co_await io::wait_for(context_.loop, client_, io::Readiness::reset);
    if (uploads_.scope().cancelled()) co_return;
    give_up(Outcome::client_gone, 0, "the client hung up");
}

io::Task<ExchangeEnd> HttpExchange::download() {
    proto::HeadReader reader;
    for (;;) {
        if (const char* why = co_await fetch_head(reader)) co_return upstream_failed(why);
        const std::string_view text = std::string_view(input_).substr(0, reader.size());
        const auto head = proto::parse_response_head(text);
        if (!head) co_return upstream_failed("invalid HTTP response");
        const bool keep_alive = uploaded_ && !client_ended_ && !context_.draining.cancelled();
        auto response = proto::rebuild_response(*head, request_, keep_alive);
        if (!response) co_return upstream_failed("invalid HTTP response: " + response.error());
        const int status = head->status;  // the head is a view
        input_.erase(0, reader.size());
        reader = proto::HeadReader();
        if (response->kind != proto::ForwardResponse::Kind::interim) status_ = status;
        if (response->kind == proto::ForwardResponse::Kind::switched) {
            ExchangeEnd end;
            end.kind = ExchangeEnd::Kind::switched;
            end.head = std::move(response->head);
            end.from_target = std::move(input_);
            co_return end;
        }
        if (response->kind == proto::ForwardResponse::Kind::final)
            co_return co_await pass_body(std::move(*response));
        if (!co_await send_down(response->head)) {
            auto end = upstream_failed("the client hung up");
            end.outcome = Outcome::client_gone;
            end.status = 0;
            co_return end;
        }
    }
}

io::Task<const char*> HttpExchange::fetch_head(proto::HeadReader& reader) {
    for (;;) {
        // Without this, a peer that speaks something else and waits would hold us up.
        if (!std::string_view(input_).starts_with(kVersionStart.substr(0, input_.size())))
            co_return "invalid HTTP response";
        switch (reader.read(input_)) {
        case proto::HeadReader::Status::complete: co_return nullptr;
        case proto::HeadReader::Status::malformed: co_return "invalid HTTP response";
        case proto::HeadReader::Status::too_large: co_return "HTTP response head too large";
        case proto::HeadReader::Status::need_bytes: break;
        }
        const auto got = co_await io::recv(context_.loop, target_,
                                           [&](std::string_view bytes) { input_ += bytes; });
        if (!got) co_return "the target reset the connection";
        if (*got == 0) co_return "the target closed without a response";
        progress();
    }
}

io::Task<ExchangeEnd> HttpExchange::pass_body(proto::ForwardResponse response) {
    proto::BodyDecoder body(response.from_target);
    const Kind framing = response.to_client.kind;
    std::string out = std::move(response.head);
    const std::size_t begin = out.size();
    frame(framing, body.decode(input_, out).status, out, begin);
    if (body.status() == Status::malformed) co_return upstream_failed("bad chunk in the response");
    std::string().swap(input_);
    response_started_ = true;
    if (!client_ended_) stop_timing();

    ExchangeEnd end = upstream_failed("");
    end.status = 0;
    end.reset = framing == Kind::until_close;
    while (co_await send_down(out)) {
        if (body.status() == Status::complete) {
            end = {};
            end.keep_alive = response.keep_alive;
            co_return end;
        }
        std::string().swap(out);
        const auto got = co_await io::recv(context_.loop, target_, [&](std::string_view bytes) {
            frame(framing, body.decode(bytes, out).status, out, 0);
        });
        if (!got || (*got == 0 && body.end_of_stream() == Status::malformed)) {
            end.text = "the target closed within its response";
            co_return end;
        }
        if (*got == 0) frame(framing, Status::complete, out, 0);
        if (body.status() == Status::malformed) {
            end.text = "bad chunk in the response";
            co_return end;
        }
        progress();
    }
    end.outcome = Outcome::client_gone;
    end.text = "the client hung up within the response";
    co_return end;
}

io::Task<bool> HttpExchange::send_up(std::string_view bytes) {
    const auto sent = co_await io::send_all(context_.loop, target_, bytes);
    if (!sent) {
        // What is wrong with the connection download() hears as well, but not what is wrong here.
        const bool ours = sent.error().code == ENOBUFS || sent.error().code == ENOMEM;
        if (ours && !uploads_.scope().cancelled())
            give_up(Outcome::upstream_failed, response_started_ ? 0 : 502, "no buffers to send");
        co_return false;
    }
    up_bytes_ += bytes.size();
    add(context_.totals.up_bytes, bytes.size());
    progress();
    co_return true;
}

io::Task<bool> HttpExchange::send_down(std::string_view bytes) {
    const auto sent = co_await io::send_all(context_.loop, client_, bytes);
    if (!sent) co_return false;
    down_bytes_ += bytes.size();
    add(context_.totals.down_bytes, bytes.size());
    progress();
    co_return true;
}

ExchangeEnd HttpExchange::upstream_failed(std::string text) const {
    ExchangeEnd end;
    end.kind = ExchangeEnd::Kind::failed;
    end.outcome = Outcome::upstream_failed;
    end.status = 502;
    end.text = std::move(text);
    return end;
}

void HttpExchange::give_up(Outcome outcome, int status, const char* text) {
    if (scope_.cancelled()) return;
    failure_.kind = ExchangeEnd::Kind::failed;
    failure_.outcome = outcome;
    failure_.status = status;
    failure_.text = text;
    scope_.cancel(ECANCELED);
}

void HttpExchange::progress() {
    if (timed_) context_.loop.start_timer(timer_, context_.timeout);
}

void HttpExchange::stop_timing() {
    timed_ = false;
    context_.loop.stop_timer(timer_);
}

}  // namespace neosocksd::proxy
