// GET /sessions/stream: sessions as they open and close, and how fast they are, as server-sent
// events (WHATWG HTML section 9.2). docs/sessions-api.md has the events.
//
// What a client does not read in time waits in a buffer of limits::kSessionStreamBytes; then events
// are dropped, and it is told how many once it reads again. A comment now and then finds clients
// that have gone without a word.
// Tested by session_stream_test.cc and tests/e2e/test_api_stream.py.

#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "api/request_target.h"
#include "api/session_rates.h"
#include "io/event.h"
#include "io/task.h"
#include "proxy/session_directory.h"
#include "proxy/session_events.h"

namespace neosocksd::api {

// One event; `data` has no line ends.
std::string sse_event(std::string_view name, std::string_view data);

struct StreamQuery {
    proxy::SessionFilter filter;
    io::Duration interval;  // of rates; zero: none
};
// Those of parse_session_filter(), and `rates`, in seconds.
std::expected<StreamQuery, std::string> parse_stream_query(const Query& query);

// Framed events that wait for a slow reader.
class StreamBuffer {
public:
    void add(std::string event);
    void lose(std::size_t count) { lost_ += count; }
    bool empty() const { return text_.empty() && lost_ == 0; }
    // All that waits, and how much was lost before it could.
    std::string take();

private:
    std::string text_;
    std::size_t lost_ = 0;
};

class SessionStream final : proxy::SessionWatcher {
public:
    SessionStream(proxy::SessionDirectory& directory, StreamQuery query);
    ~SessionStream();

    // Until the scope of the caller is cancelled or the client is gone. Counts what it sends.
    io::Task<void> run(io::Socket& client, std::uint64_t& sent_bytes);

private:
    struct Tick : io::Timer {
        explicit Tick(SessionStream& owner)
            : Timer([](Timer& timer) { static_cast<Tick&>(timer).stream.tick(); }), stream(owner) {}
        SessionStream& stream;
    };

    void happened(const proxy::SessionEvent& event) override;
    void lost(std::size_t count) override;
    void tick();
    io::Task<void> add_rates();

    proxy::SessionDirectory& directory_;
    const StreamQuery query_;
    RateBook rates_;
    StreamBuffer buffer_;
    io::Event news_;
    Tick tick_{*this};
    bool ticked_ = false;
};

}  // namespace neosocksd::api
