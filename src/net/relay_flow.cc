// One direction of a relay: see relay.h for the idea.
//
// The states form two small circles, each left through `ended`:
//   receiving -> sending -> receiving            through a buffer of the engine
//   bulk_reading -> (system calls) -> bulk_reading
// and `draining`/`blocked`/`bulk_blocked` where the reader of the stream is slow.

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "net/relay.h"

namespace neosocksd::net {
namespace {

// A read of so much, or one that filled the engine's buffer, is a large one.
constexpr std::size_t kLargeRead = 16 * 1024;
// Large reads in a row that make a flow bulk.
constexpr std::uint8_t kLargeReads = 3;
// A turn that moves less is a small one, and so many in a row end bulk: splice costs more than
// copying below that.
constexpr std::size_t kSmallTurn = 16 * 1024;
constexpr std::uint8_t kSmallTurns = 8;
// A bulk flow is offered to another loop at once, and again whenever it has moved so much: flows
// there may have ended.
constexpr std::uint32_t kOfferEveryMiB = 64;

}  // namespace

Flow::Flow(Relay& relay, io::Socket& from, io::Socket& to)
    : Op(&Flow::completed), relay_(relay), from_(from), to_(to) {}

void Flow::completed(Op& op, int result) {
    auto& flow = static_cast<Flow&>(op);
    flow.turn_bytes_ = 0;
    if (flow.yielded_) {
        flow.yielded_ = false;
        flow.resume();
    } else {
        flow.run(result);
    }
}

void Flow::resume() {
    if (relay_.closing_ || relay_.moving_) {
        relay_.settle();
        return;
    }
    const int result = start_operation();
    if (result != io::kPending) run(result);
}

void Flow::run(int result) {
    for (;;) {
        if (!advance(result)) return;
        if (relay_.moving_ && state_ != State::sending) {
            relay_.settle();
            return;
        }
        if (turn_bytes_ >= limits::kRelayTurnBytes &&
            (state_ == State::receiving || state_ == State::bulk_reading)) {
            // More may be there at once: let the loop's other sessions have their turn first.
            yielded_ = true;
            relay_.context_->loop.defer(*this, 0);
            return;
        }
        result = start_operation();
        if (result == io::kPending) return;
    }
}

int Flow::start_operation() {
    io::Engine& engine = relay_.context_->loop.engine();
    switch (state_) {
    case State::receiving: return engine.recv(from_, *this);
    case State::sending: return engine.send(to_, {data(), loan_size_}, *this, more_behind());
    case State::draining:
        return engine.send(to_, std::as_bytes(std::span(unsent_)).subspan(unsent_offset_), *this);
    case State::blocked:
    case State::bulk_blocked: {
        const int result = engine.poll(to_, io::Readiness::writable, *this);
        if (result == io::kPending) relay_.flow_blocked(*this);
        return result;
    }
    case State::bulk_reading: return engine.poll(from_, io::Readiness::readable, *this);
    case State::ended: return io::kPending;
    }
    return io::kPending;
}

bool Flow::advance(int result) {
    if (relay_.closing_ || (relay_.moving_ && result == -ECANCELED)) {
        // A close may come between a send and its result; what went out all the same is counted.
        if (result > 0 && (state_ == State::sending || state_ == State::draining))
            count(static_cast<std::size_t>(result));
        if (loan_size_ > 0 || (state_ == State::receiving && result > 0)) {
            loan_size_ = 0;
            relay_.context_->loop.engine().give_back(*this);
        }
        relay_.settle();
        return false;
    }
    switch (state_) {
    case State::receiving: return received(result);
    case State::sending: return sent(result);
    case State::draining: return drained(result);
    case State::blocked:
        if (result < 0) return failed_writing(-result);
        state_ = State::draining;
        return true;
    case State::bulk_reading:
        if (result < 0) return failed_reading(-result);
        return move_in_bulk();
    case State::bulk_blocked:
        if (result < 0) return failed_writing(-result);
        return splice_in_bulk();
    case State::ended:
        // The watch that Relay::watch_half_closed() set: the side that had ended was reset.
        if (result == 0) failed_reading(ECONNRESET);
        return false;
    }
    return false;
}

bool Flow::received(int result) {
    if (result < 0) return failed_reading(-result);
    if (result == 0) {
        relay_.flow_ended(*this);
        return false;
    }
    loan_size_ = static_cast<std::uint32_t>(result);
    judge_read(loan_size_);
    state_ = State::sending;
    return true;
}

bool Flow::sent(int result) {
    if (result == -EAGAIN) result = 0;
    const std::uint32_t size = loan_size_;
    const auto moved = static_cast<std::uint32_t>(std::max(result, 0));
    if (result >= 0 && moved < size) keep_unsent(data() + moved, size - moved);
    loan_size_ = 0;
    relay_.context_->loop.engine().give_back(*this);
    if (result < 0) return failed_writing(-result);
    state_ = moved < size ? State::blocked : reading_state();
    count(moved);
    return true;
}

void Flow::keep_unsent(const std::byte* data, std::size_t size) {
    unsent_.assign(reinterpret_cast<const char*>(data), size);
    unsent_offset_ = 0;
}

bool Flow::drained(int result) {
    if (result == -EAGAIN) result = 0;
    if (result < 0) return failed_writing(-result);
    unsent_offset_ += static_cast<std::uint32_t>(result);
    if (unsent_offset_ < unsent_.size()) {
        state_ = State::blocked;
    } else {
        std::string().swap(unsent_);  // an idle tunnel keeps no buffer
        unsent_offset_ = 0;
        state_ = reading_state();
    }
    count(static_cast<std::size_t>(result));
    return true;
}

bool Flow::direct() const {
    return bulk_ || relay_.context_->mode == RelayMode::splice;
}

// True if the relay is to move; run() sees that.
bool Flow::offer() {
    const auto moved = static_cast<std::uint32_t>(bytes() >> 20);
    // Both flows may turn bulk in one round: the first has the relay moved.
    if (!bulk_ || moved < offer_at_ || relay_.moving_) return false;
    offer_at_ = moved + kOfferEveryMiB;
    return relay_.on_bulk();
}

bool Flow::move_in_bulk() {
    if (offer()) return true;
    if (relay_.context_->mode != RelayMode::copy && !pipe_) pipe_ = relay_.context_->pipes.borrow();
    return pipe_ ? splice_in_bulk() : copy_in_bulk();
}

bool Flow::splice_in_bulk() {
    for (;;) {
        if (pipe_->held > 0) {
            if (!empty_pipe()) return false;
            if (pipe_->held > 0) return true;  // bulk_blocked
        }
        if (!unsent_.empty()) {
            return_pipe();
            state_ = State::draining;
            return true;
        }
        if (offer()) break;
        if (turn_bytes_ >= limits::kRelayTurnBytes) {
            judge_turn();  // a large one, though the input may have no end
            break;
        }
        const ssize_t got = ::splice(from_.fd(), nullptr, pipe_->write_fd, nullptr, pipe_->capacity,
                                     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (got > 0) {
            pipe_->held = static_cast<std::size_t>(got);
            continue;
        }
        if (got == 0) {
            relay_.flow_ended(*this);
            return false;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return failed_reading(errno);
        // The pipe is empty, so this EAGAIN means that the socket is.
        from_.found_empty();
        judge_turn();
        break;
    }
    return_pipe();
    state_ = reading_state();
    return true;
}

// True if the relay lives on; the pipe holds bytes then if the reader is slow.
bool Flow::empty_pipe() {
    while (pipe_->held > 0) {
        const ssize_t put = ::splice(pipe_->read_fd, nullptr, to_.fd(), nullptr, pipe_->held,
                                     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (put > 0) {
            pipe_->held -= static_cast<std::size_t>(put);
            count(static_cast<std::size_t>(put));
            continue;
        }
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno != EAGAIN) return failed_writing(errno);
        // The pipe is not empty, so this EAGAIN means that the socket is full.
        to_.found_full();
        state_ = State::bulk_blocked;
        return true;
    }
    return true;
}

bool Flow::copy_in_bulk() {
    RelayContext& context = *relay_.context_;
    std::byte* buffer = context.scratch();
    while (turn_bytes_ < limits::kRelayTurnBytes) {
        const ssize_t got = ::recv(from_.fd(), buffer, RelayContext::kScratchBytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno != EAGAIN) return failed_reading(errno);
        if (got == 0) {
            relay_.flow_ended(*this);
            return false;
        }
        if (got < 0) {
            from_.found_empty();
            judge_turn();
            break;
        }
        const auto size = static_cast<std::size_t>(got);
        ssize_t put = 0;
        do put = ::send(to_.fd(), buffer, size, MSG_NOSIGNAL);
        while (put < 0 && errno == EINTR);  // which says nothing about room
        if (put < 0 && errno != EAGAIN) return failed_writing(errno);
        put = std::max<ssize_t>(put, 0);
        if (static_cast<std::size_t>(put) < size) {
            to_.found_full();
            keep_unsent(buffer + put, size - static_cast<std::size_t>(put));
            state_ = State::blocked;
            count(static_cast<std::size_t>(put));
            return true;
        }
        count(size);
        if (size < RelayContext::kScratchBytes) {
            from_.found_short();
            if (!from_.hung_up()) {
                judge_turn();
                break;
            }
        }
    }
    if (turn_bytes_ >= limits::kRelayTurnBytes) judge_turn();
    state_ = reading_state();
    return true;
}

bool Flow::hold_more() {
    if (unsent_.size() - unsent_offset_ > limits::kRelayPendingBytes) return true;
    std::byte* buffer = relay_.context_->scratch();
    const ssize_t got = ::recv(from_.fd(), buffer, RelayContext::kScratchBytes, 0);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return failed_reading(errno);
    // The end of the stream is found again by the next read.
    if (got > 0)
        unsent_.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(got));
    return true;
}

bool Flow::failed_reading(int error) {
    relay_.close(&from_ == &relay_.client_ ? Relay::End::client_reset : Relay::End::target_reset,
                 error);
    return false;
}

bool Flow::failed_writing(int error) {
    relay_.close(&to_ == &relay_.client_ ? Relay::End::client_reset : Relay::End::target_reset,
                 error);
    return false;
}

void Flow::count(std::size_t size) {
    const std::uint64_t before = bytes();
    bytes_ += static_cast<std::int64_t>(size);
    const std::uint64_t moved = bytes() - before;
    turn_bytes_ += static_cast<std::uint32_t>(size);
    auto& total = this == &relay_.up_ ? relay_.context_->up_bytes : relay_.context_->down_bytes;
    total.store(total.load(std::memory_order_relaxed) + moved, std::memory_order_relaxed);
    if (before == 0 && moved > 0 && relay_.other(*this).bytes() > 0 && !relay_.both_spoke_) {
        relay_.both_spoke_ = true;
        relay_.on_both_spoke();
    }
}

void Flow::judge_read(std::size_t size) {
    if (size < std::min(kLargeRead, relay_.context_->loop.engine().loan_bytes())) {
        score_ = 0;
    } else if (++score_ >= kLargeReads) {
        set_bulk(true);
    }
}

void Flow::judge_turn() {
    if (turn_bytes_ >= kSmallTurn) {
        score_ = 0;
        if (!bulk_) set_bulk(true);  // only where splice is forced
    } else if (bulk_ && ++score_ >= kSmallTurns) {
        set_bulk(false);
    }
}

void Flow::set_bulk(bool bulk) {
    bulk_ = bulk;
    score_ = 0;
    offer_at_ = 0;
    relay_.bulk_changed();
}

void Flow::return_pipe() {
    if (pipe_) relay_.context_->pipes.give_back(std::move(pipe_));
}

}  // namespace neosocksd::net
