// Tested by tests/faults/test_walk.py.

#include "tests/faults/uring_hooks.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <unordered_map>

#include <poll.h>

#include "tests/faults/fault_plan.h"

namespace neosocksd::faults {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kHold{5};

struct Held {
    io_uring* ring;
    Clock::time_point due;
    io_uring_cqe completion;
};

// Of this thread's rings: a ring belongs to one thread.
struct State {
    std::unordered_map<std::uint64_t, Fault> planned;  // by what the operation is known as
    std::list<Held> held;
    std::list<io_uring_cqe> released;  // until the engine has read them
    unsigned real = 0;                 // completions that are in the ring itself
};

State& state() {
    thread_local State own;
    return own;
}

const char* name_of(const io_uring_sqe& sqe) {
    switch (sqe.opcode) {
    case IORING_OP_RECV: return "uring recv";
    case IORING_OP_SEND: return "uring send";
    case IORING_OP_CONNECT: return "uring connect";
    case IORING_OP_POLL_ADD: return "uring poll";
    case IORING_OP_ACCEPT: return "uring accept";
    case IORING_OP_ASYNC_CANCEL: return "uring cancel";
    default: return "uring other";
    }
}

bool is_held(io_uring* ring, std::uint64_t op) {
    return std::ranges::any_of(state().held, [&](const Held& held) {
        return held.ring == ring && held.completion.user_data == op;
    });
}

void hold(io_uring* ring, io_uring_cqe& completion) {
    state().held.push_back({ring, Clock::now() + kHold, completion});
    completion.user_data = 0;  // the engine passes over it
}

bool holds(io_uring* ring) {
    return std::ranges::any_of(state().held, [&](const Held& held) { return held.ring == ring; });
}

void apply(io_uring* ring, io_uring_cqe& completion) {
    const std::uint64_t op = completion.user_data;
    if (op == 0) return;
    if (is_held(ring, op)) {
        hold(ring, completion);
        return;
    }
    const auto found = state().planned.find(op);
    if (found == state().planned.end()) return;
    const Fault fault = found->second;
    state().planned.erase(found);
    if (fault.kind == Kind::late) {
        hold(ring, completion);
        return;
    }
    completion.res = fault.kind == Kind::fail ? -fault.error : fault.error;
    completion.flags = 0;
}

void replace_by_nothing(io_uring_sqe* sqe, void* op) {
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, op);
}

}  // namespace

void submitted(io_uring_sqe* sqe, void* op, void** frame) {
    io_uring_sqe_set_data(sqe, op);
    // One connection each: then every connection passes here, and a multishot may end any time.
    if (sqe->opcode == IORING_OP_ACCEPT)
        sqe->ioprio = static_cast<__u16>(sqe->ioprio & ~IORING_ACCEPT_MULTISHOT);
    if (!op || !injecting) return;
    state().planned.erase(reinterpret_cast<std::uint64_t>(op));
    const Fault fault = passage(call_number(name_of(*sqe)), frame);
    switch (fault.kind) {
    case Kind::none: return;
    case Kind::shorten:
        if (sqe->len > 1) sqe->len = 1;
        return;
    case Kind::spurious: {
        const unsigned events = sqe->poll32_events & (POLLIN | POLLOUT);
        if (events == 0) return;
        replace_by_nothing(sqe, op);
        state().planned[reinterpret_cast<std::uint64_t>(op)] = {Kind::spurious,
                                                                static_cast<int>(events)};
        return;
    }
    case Kind::late: break;
    case Kind::again:
    case Kind::fail:
        if (fault.error == EPIPE) disconnect(sqe->fd);
        replace_by_nothing(sqe, op);
        break;
    }
    state().planned[reinterpret_cast<std::uint64_t>(op)] = fault;
}

io_uring_sqe* get_sqe(io_uring* ring, void** frame) {
    static const unsigned call = call_number("uring get_sqe");
    // A full queue, which the engine empties by submitting it.
    if (injecting && passage(call, frame)) return nullptr;
    return io_uring_get_sqe(ring);
}

int submit(io_uring* ring, bool wait, __kernel_timespec* timeout, void** frame) {
    static const unsigned call = call_number("uring submit");
    if (const Fault fault = passage(call, frame)) return -fault.error;
    if (!wait) return io_uring_submit_and_get_events(ring);
    __kernel_timespec hold_time{};
    hold_time.tv_nsec = std::chrono::nanoseconds(kHold).count();
    if (holds(ring) && (!timeout || timeout->tv_sec > 0 || timeout->tv_nsec > hold_time.tv_nsec))
        timeout = &hold_time;
    if (!timeout) return io_uring_submit_and_wait(ring, 1);
    io_uring_cqe* first = nullptr;
    return io_uring_submit_and_wait_timeout(ring, &first, 1, timeout, nullptr);
}

unsigned peek(io_uring* ring, io_uring_cqe** completions, unsigned room) {
    State& own = state();
    unsigned count = io_uring_peek_batch_cqe(ring, completions, room);
    own.real = count;
    for (unsigned i = 0; i < count; i++) apply(ring, *completions[i]);
    own.released.clear();
    const auto now = Clock::now();
    for (auto held = own.held.begin(); held != own.held.end() && count < room;) {
        if (held->ring != ring || held->due > now) {
            ++held;
            continue;
        }
        own.released.push_back(held->completion);
        completions[count++] = &own.released.back();
        held = own.held.erase(held);
    }
    return count;
}

void advance(io_uring* ring, unsigned count) {
    io_uring_cq_advance(ring, std::min(count, state().real));
}

}  // namespace neosocksd::faults
