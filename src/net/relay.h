// Relay: moves bytes between a client and a target, both ways, until both have ended.
//
// Each direction is on its own. It starts by copying through a buffer of the engine; when reads
// keep coming large it is *bulk*: it moves bytes by system calls of its own, through a borrowed
// pipe (splice) or the loop's scratch buffer, and only waits for readiness. When traffic turns
// small again it goes back. An idle relay holds two descriptors and this object.
//
// The end of a stream is passed on once everything before it has been (half-close); a reset is
// passed on as a reset at once. A slow reader stops its peer: a direction reads nothing while it
// holds unsent bytes, at most limits::kRelayPendingBytes or a pipe. Only when both directions are
// stuck each takes as much again, for the kernel's sake: see Relay::make_room().
//
// A relay is a plain object driven by completions: no coroutine frame survives into an idle
// tunnel. It belongs to one loop, and can be moved to another as a whole.
// Tested by relay_*test.cc and tests/relay.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/loop.h"
#include "net/relay_context.h"

namespace neosocksd::net {

class Relay;

// One direction of a relay.
class Flow : public io::Op {
public:
    Flow(Relay& relay, io::Socket& from, io::Socket& to);

    // Payload bytes written to the receiving side.
    std::uint64_t bytes() const { return bytes_ > 0 ? static_cast<std::uint64_t>(bytes_) : 0; }
    bool ended() const { return state_ == State::ended; }
    bool bulk() const { return bulk_; }

private:
    friend class Relay;

    enum class State : std::uint8_t {
        receiving,     // the engine reads
        sending,       // the engine sends what was read
        draining,      // unsent bytes are in `unsent_`: to be sent
        blocked,       // ... and wait for room
        bulk_reading,  // waits for input to move in bulk
        bulk_blocked,  // the pipe holds bytes that wait for room; `unsent_` what comes after them
        ended,         // the end of the stream was passed on
    };

    static void completed(Op& op, int result);

    // Starts what the state asks for, and goes on until something has to be waited for. The relay
    // may have ended, and be gone, when this returns.
    void resume();
    void run(int result);
    int start_operation();
    // Each takes the result of the operation its state had started. False: the relay is closing,
    // or this flow has ended; touch nothing any more.
    bool advance(int result);
    bool received(int result);
    bool sent(int result);
    bool drained(int result);
    bool offer();
    bool move_in_bulk();
    bool splice_in_bulk();
    bool copy_in_bulk();
    bool empty_pipe();
    bool failed_reading(int error);
    bool failed_writing(int error);

    // Reads on though it holds unsent bytes already. False: the relay is closing.
    bool hold_more();

    bool blocked() const { return state_ == State::blocked || state_ == State::bulk_blocked; }
    bool sending() const {  // the engine sends, or has sent and not told yet
        return pending() && (state_ == State::sending || state_ == State::draining);
    }
    bool direct() const;  // moves bytes by system calls of its own
    State reading_state() const { return direct() ? State::bulk_reading : State::receiving; }
    void keep_unsent(const std::byte* data, std::size_t size);
    void count(std::size_t size);
    void judge_read(std::size_t size);
    void judge_turn();
    void set_bulk(bool bulk);
    void return_pipe();

    Relay& relay_;
    io::Socket& from_;
    io::Socket& to_;
    std::int64_t bytes_ = 0;  // negative while a reply, which is no payload, is being sent
    std::string unsent_;
    std::unique_ptr<Pipe> pipe_;
    std::uint32_t unsent_offset_ = 0;
    std::uint32_t loan_size_ = 0;   // of the loan being sent
    std::uint32_t turn_bytes_ = 0;  // moved since the loop gave us this turn
    std::uint32_t offer_at_ = 0;    // MiB: having moved so much, it is offered to another loop
    std::uint8_t score_ = 0;        // large reads in a row; when bulk, small turns in a row
    State state_ = State::receiving;
    bool bulk_ = false;
    bool yielded_ = false;  // gave up the rest of its turn
};

class Relay {
public:
    enum class End : std::uint8_t {
        finished,      // both sides ended
        client_reset,  // or failed: see error()
        target_reset,
        stopped,  // stop() was called
    };

    Relay();
    virtual ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    io::Socket& client() { return client_; }
    io::Socket& target() { return target_; }

    // Both sockets are open, without pending operations. `to_target` and `to_client` are sent
    // first; the first `reply_bytes` of the latter and `header_bytes` of the former are not counted
    // as payload.
    void start(RelayContext& context, std::string to_target, std::string to_client,
               std::size_t reply_bytes, std::size_t header_bytes = 0);
    // Ends it soon, by on_end(End::stopped); the peers see a reset if `reset`.
    void stop(bool reset);

    // Leaves the loop soon: on_moved_out() then runs, with the relay in no loop at all. Among the
    // bulk relays of `destination`, if known, it counts from now on: who looks for a place next
    // must not choose the same one because this relay has not arrived yet.
    void move_out(RelayContext* destination = nullptr);
    // Goes on in another loop, from that loop's thread.
    void move_in(RelayContext& context);

    std::uint64_t up_bytes() const { return up_.bytes(); }
    std::uint64_t down_bytes() const { return down_.bytes(); }
    bool bulk() const { return up_.bulk_ || down_.bulk_; }
    // Of End::client_reset and target_reset: an errno value.
    int error() const { return error_; }

protected:
    // Both sockets are closed and nothing is pending; may destroy the relay.
    virtual void on_end(End end) = 0;
    // Bytes have come from both sides for the first time.
    virtual void on_both_spoke() {}
    // The relay turned bulk, or has been for a while: true if move_out() was called.
    virtual bool on_bulk() { return false; }
    virtual void on_moved_out() {}

    RelayContext* context() { return context_; }

private:
    friend class Flow;

    Flow& other(Flow& flow) { return &flow == &up_ ? down_ : up_; }
    void close(End end, int error);
    // Finishes a close or a move once nothing is pending.
    void settle();
    void flow_ended(Flow& flow);
    void bulk_changed();
    void count_in(RelayContext* context);
    // The relay will be looked at when it has been half-closed, or a flow stuck, for a while.
    void start_watch();
    void flow_blocked(Flow& flow);
    void watch();
    void watch_blocked();
    void watch_half_closed();
    void make_room();

    struct WatchTimer : io::Timer {
        explicit WatchTimer(Relay& owner);
        Relay& relay;
    };

    RelayContext* context_ = nullptr;
    RelayContext* counted_in_ = nullptr;  // among the bulk relays there
    io::Socket client_;
    io::Socket target_;
    Flow up_;
    Flow down_;
    WatchTimer watch_timer_;
    int error_ = 0;
    End end_ = End::finished;
    bool closing_ = false;
    bool moving_ = false;
    bool both_spoke_ = false;
    bool held_ = false;  // both flows are being started: do not end yet
};

}  // namespace neosocksd::net
