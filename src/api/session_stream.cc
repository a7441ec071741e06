// Tested by session_stream_test.cc and tests/e2e/test_api_stream.py.

#include "api/session_stream.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "api/sessions_endpoint.h"
#include "api/sessions_query.h"
#include "base/limits.h"
#include "io/await.h"
#include "proto/http_page.h"

namespace neosocksd::api {
namespace {

constexpr std::chrono::seconds kQuiet{15};  // as WHATWG HTML section 9.2.7 advises
constexpr double kIntervalMost = 3600;

std::string stream_head() {
    return fmt::format(
        "HTTP/1.1 200 OK\r\n"
        "Date: {}\r\n"
        "Connection: close\r\n"
        "Content-Type: text/event-stream\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n\r\n",
        proto::http_date(std::time(nullptr)));
}

}  // namespace

std::string sse_event(std::string_view name, std::string_view data) {
    return fmt::format("event: {}\ndata: {}\n\n", name, data);
}

std::expected<StreamQuery, std::string> parse_stream_query(const Query& query) {
    StreamQuery result{.filter = {}, .interval = limits::kSessionRatesTime};
    Query rest = query;
    if (const auto text = rest.take("rates")) {
        const auto seconds = parse_seconds(*text);
        if (!seconds || *seconds > std::chrono::duration<double>(kIntervalMost))
            return std::unexpected("sessions: bad value of `rates'\n");
        result.interval = *seconds;
        if (result.interval > io::Duration::zero())
            result.interval = std::max<io::Duration>(result.interval, limits::kSessionRatesTimeMin);
    }
    auto filter = parse_session_filter(rest);
    if (!filter) return std::unexpected(std::move(filter.error()));
    result.filter = std::move(*filter);
    return result;
}

void StreamBuffer::add(std::string event) {
    // Once something is lost, nothing is taken before the client has heard of that.
    if (lost_ > 0 || text_.size() + event.size() > limits::kSessionStreamBytes)
        lost_++;
    else
        text_ += event;
}

std::string StreamBuffer::take() {
    std::string text = std::exchange(text_, {});
    if (lost_ > 0) {
        JsonWriter json;
        json.begin_object().member("events", std::exchange(lost_, 0)).end();
        text += sse_event("lost", json.text());
    }
    return text;
}

SessionStream::SessionStream(proxy::SessionDirectory& directory, StreamQuery query)
    : directory_(directory), query_(std::move(query)), news_(directory.control()) {
    directory_.events().add(directory_.control(), *this);
}

SessionStream::~SessionStream() {
    directory_.control().stop_timer(tick_);
    directory_.events().remove(*this);
}

void SessionStream::happened(const proxy::SessionEvent& event) {
    if (!query_.filter.matches(proxy::facts_of(event.row))) return;
    JsonWriter json;
    json.begin_object();
    write_session(json, event.row, rates_.rates(event.row, directory_.control().now()));
    if (event.closed) json.member("reason", event.reason);
    json.end();
    buffer_.add(sse_event(event.closed ? "close" : "open", json.text()));
    news_.set();
}

void SessionStream::lost(std::size_t count) {
    buffer_.lose(count);
    news_.set();
}

void SessionStream::tick() {
    ticked_ = true;
    news_.set();
}

// Of the sessions that move bytes; the oldest, if they are too many.
io::Task<void> SessionStream::add_rates() {
    proxy::SessionQuery query;
    query.filter = query_.filter;
    query.limit = limits::kSessionPageRowsMax;
    auto listing = directory_.list(std::move(query));
    const proxy::SessionPage page = co_await std::move(listing);
    const io::TimePoint now = directory_.control().now();
    JsonWriter json;
    json.begin_object().member("matched", page.matched).begin_array("sessions");
    for (const proxy::SessionRow& row : page.rows) {
        const SessionRates rates = rates_.rates(row, now);
        if (rates.up < 1 && rates.down < 1) continue;
        json.begin_object().member("id", row.id);
        json.member("up_bytes", row.up_bytes).member("down_bytes", row.down_bytes);
        json.member("up_rate", static_cast<std::uint64_t>(rates.up));
        json.member("down_rate", static_cast<std::uint64_t>(rates.down)).end();
    }
    json.end().end();
    buffer_.add(sse_event("rates", json.text()));
}

io::Task<void> SessionStream::run(io::Socket& client, std::uint64_t& sent_bytes) {
    io::Loop& loop = directory_.control();
    io::Scope& scope = co_await io::current_scope();
    const bool with_rates = query_.interval > io::Duration::zero();
    // The kernel would take megabytes for a client that does not read.
    const int room = limits::kSessionStreamSendBytes;
    ::setsockopt(client.fd(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    std::string text = stream_head();
    io::TimePoint spoken = loop.now();
    loop.start_timer(tick_, with_rates ? query_.interval : kQuiet);
    for (;;) {
        if (!text.empty()) {
            const auto sent = co_await io::send_all(loop, client, text);
            if (!sent) co_return;
            sent_bytes += text.size();
            spoken = loop.now();
        }
        if (buffer_.empty() && !ticked_) {
            const auto news = co_await news_.wait();
            if (!news) co_return;
        }
        if (std::exchange(ticked_, false)) {
            if (with_rates) co_await add_rates();
            if (scope.cancelled()) co_return;
            loop.start_timer(tick_, with_rates ? query_.interval : kQuiet);
        }
        text = buffer_.take();
        if (text.empty() && loop.now() - spoken >= kQuiet) text = ":\n\n";
    }
}

}  // namespace neosocksd::api
