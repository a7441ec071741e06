// The life of a relay: start, half-close, reset, stop, and the move between loops.

#include "net/relay.h"

#include <cassert>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace neosocksd::net {
namespace {

// How long a half-closed relay waits before it also watches the side that has ended for a reset:
// most half-closes last a moment, and the watch costs two operations. And how long both directions
// are stuck before room is made: by then the kernel has retransmitted in vain.
constexpr auto kWatchDelay = std::chrono::seconds(1);
// How often a flow that goes on being stuck is looked at: it costs a system call each time.
constexpr auto kStuckDelay = std::chrono::seconds(3);

// Whether the connection is gone altogether, where an end of stream would leave it half open.
bool connection_gone(int fd) {
    std::uint8_t state = 0;  // tcp_info::tcpi_state, the first octet
    socklen_t length = sizeof state;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_CLOSE;
}

// Whether a reset has come that nobody has been told of. (After an end in order of both sides the
// connection is gone as well, but what it brought can still be read.)
bool was_reset(int fd) {
    pollfd look{fd, 0, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & POLLERR) != 0;
}

}  // namespace

Relay::WatchTimer::WatchTimer(Relay& owner)
    : Timer([](Timer& timer) { static_cast<WatchTimer&>(timer).relay.watch(); }), relay(owner) {}

Relay::Relay()
    : up_(*this, client_, target_), down_(*this, target_, client_), watch_timer_(*this) {}

// One that is in no loop may take a pipe with it, as it does when no worker is left to take it
// over.
Relay::~Relay() {
    assert(!counted_in_ && (!context_ || (!up_.pipe_ && !down_.pipe_)));
}

void Relay::start(RelayContext& context, std::string to_target, std::string to_client,
                  std::size_t reply_bytes, std::size_t header_bytes) {
    context_ = &context;
    const auto prepare = [](Flow& flow, std::string first) {
        flow.unsent_ = std::move(first);
        flow.state_ = flow.unsent_.empty() ? flow.reading_state() : Flow::State::draining;
    };
    prepare(up_, std::move(to_target));
    prepare(down_, std::move(to_client));
    down_.bytes_ = -static_cast<std::int64_t>(reply_bytes);
    up_.bytes_ = -static_cast<std::int64_t>(header_bytes);
    // The first flow may fail at once; the relay must not be gone when the second starts.
    held_ = true;
    down_.resume();
    if (!closing_) up_.resume();
    held_ = false;
    // A flow that found much to read may have moved the relay out, too.
    if (closing_ || moving_) settle();
}

void Relay::stop(bool reset) {
    if (reset) {
        io::reset_on_close(client_.fd());
        io::reset_on_close(target_.fd());
    }
    close(End::stopped, ECANCELED);
}

void Relay::close(End end, int error) {
    if (closing_) return;
    closing_ = true;
    end_ = end;
    error_ = error;
    // A reset travels on as a reset. (The side it came from is dead already.)
    if (end == End::client_reset) io::reset_on_close(target_.fd());
    if (end == End::target_reset) io::reset_on_close(client_.fd());
    context_->loop.engine().cancel(up_);
    context_->loop.engine().cancel(down_);
    settle();
}

void Relay::flow_ended(Flow& flow) {
    // The kernel tells of a reset once. If a send of the other flow, whose completion is still on
    // its way, has taken the error, then reading finds what looks like an end of stream.
    if (other(flow).sending() && connection_gone(flow.from_.fd())) {
        flow.failed_reading(ECONNRESET);
        return;
    }
    flow.state_ = Flow::State::ended;
    flow.return_pipe();
    if (flow.bulk_) flow.set_bulk(false);
    if (other(flow).ended()) {
        close(End::finished, 0);
        return;
    }
    // ENOTCONN: the other side is gone already, as its own flow is about to find out.
    ::shutdown(flow.to_.fd(), SHUT_WR);
    if (moving_) {
        settle();
        return;
    }
    start_watch();
}

void Relay::start_watch() {
    context_->loop.start_timer(watch_timer_, kWatchDelay);
}

void Relay::flow_blocked(Flow& flow) {
    if (other(flow).blocked() || !watch_timer_.active()) start_watch();
}

void Relay::watch() {
    if (closing_ || moving_) return;
    if (up_.ended() || down_.ended()) {
        watch_half_closed();
    } else if (up_.blocked() && down_.blocked()) {
        make_room();
    }
    watch_blocked();
}

// A flow that waits for its reader does not hear that its source has been reset; if the reader
// never goes on, the session would stay for ever.
void Relay::watch_blocked() {
    if (closing_) return;
    for (Flow* flow : {&up_, &down_}) {
        if (!flow->blocked()) continue;
        if (was_reset(flow->from_.fd())) {
            flow->failed_reading(ECONNRESET);
            return;
        }
        if (!watch_timer_.active()) context_->loop.start_timer(watch_timer_, kStuckDelay);
    }
}

// Both directions wait for a reader. That may be the truth; or both readers have read everything,
// and the kernel drops what they acknowledge. A TCP receiver whose memory runs out before the
// window it has promised is used up (small segments cost more memory than they carry) takes the
// window back, and from then on refuses all segments beyond it, also those that bring nothing but
// an acknowledgement (Linux 6.17 to 7.0 do so easily, others may; RFC 9293 section 3.10.7.4 asks
// for the opposite). So a socket that nobody reads can not be sent to for long, and if neither is
// read because neither can be sent to, that lasts until the retransmissions are given up. Reading
// some more opens the windows again.
void Relay::make_room() {
    for (Flow* flow : {&up_, &down_})
        if (!flow->hold_more()) return;
}

void Relay::watch_half_closed() {
    Flow& ended = up_.ended() ? up_ : down_;
    if (ended.pending()) return;
    if (io::is_unix_socket(ended.from_.fd())) return;  // has no resets
    const int result = context_->loop.engine().poll(ended.from_, io::Readiness::reset, ended);
    if (result != io::kPending) ended.run(result);
}

void Relay::bulk_changed() {
    // Where it goes it is counted already; move_in() puts right what has changed on the way.
    if (!moving_) count_in(bulk() ? context_ : nullptr);
}

void Relay::count_in(RelayContext* context) {
    if (context == counted_in_) return;
    if (counted_in_) {
        [[maybe_unused]] const int before =
            counted_in_->bulk_relays.fetch_sub(1, std::memory_order_relaxed);
        assert(before > 0);
    }
    if (context) context->bulk_relays.fetch_add(1, std::memory_order_relaxed);
    counted_in_ = context;
}

void Relay::move_out(RelayContext* destination) {
    assert(!moving_ && !closing_);
    moving_ = true;
    if (counted_in_) count_in(destination);
    for (Flow* flow : {&up_, &down_}) {
        // A send is about to complete by itself, and must not lose its bytes to a cancel.
        if (flow->sending()) continue;
        context_->loop.engine().cancel(*flow);
    }
    // The caller is a flow: when it is done, it settles.
}

void Relay::move_in(RelayContext& context) {
    context_ = &context;
    for (Flow* flow : {&up_, &down_}) {
        if (flow->pipe_) context.pipes.adopt();
        if (flow->ended()) {
            start_watch();
            continue;
        }
        flow->yielded_ = true;
        context.loop.defer(*flow, 0);
    }
    bulk_changed();
}

void Relay::settle() {
    if (held_ || up_.pending() || down_.pending()) return;
    if (closing_) {
        context_->loop.stop_timer(watch_timer_);
        count_in(nullptr);
        for (Flow* flow : {&up_, &down_}) flow->return_pipe();
        context_->loop.engine().close(client_);
        context_->loop.engine().close(target_);
        on_end(end_);
        return;
    }
    if (!moving_) return;
    moving_ = false;
    context_->loop.stop_timer(watch_timer_);
    for (Flow* flow : {&up_, &down_})
        if (flow->pipe_) context_->pipes.forget();
    context_->loop.engine().detach(client_);
    context_->loop.engine().detach(target_);
    context_ = nullptr;
    on_moved_out();
}

}  // namespace neosocksd::net
