// Admission: how many connections the process takes on (spec/cli.md sections 9 and 11).
//
// A connection is half-open from accept until it is established, then a session. Exactly N are
// admitted, whatever the number of workers: both gauges share one atomic word, and a connection
// enters by one compare-and-swap on it. That word is all that workers contend for, three times in
// the life of a session; the totals that need no exact moment are kept in stripes.
//
// All calls are safe from every thread. Tested by admission_test.cc, also under the thread
// sanitizer.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <utility>

namespace neosocksd::net {

struct AdmissionLimits {
    std::int64_t max_sessions = 0;  // half-open and sessions together; 0: no limit
    // Half-open connections: from `start` on each new one is refused with a probability of
    // `rate` percent; from `full` on always. 0: no such limit.
    std::int64_t start = 0;
    std::int64_t rate = 0;
    std::int64_t full = 0;
    // Descriptors that connections may hold; 0: no limit. See session_descriptors().
    std::int64_t descriptors = 0;
};

// What RLIMIT_NOFILE leaves for connections: less the reserve and what each worker needs itself.
// At least one session's worth.
std::int64_t session_descriptors(int workers);

class Admission;

// One admitted connection. Leaves when it ends, on any thread.
class Ticket {
public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), established_(other.established_) {}
    Ticket& operator=(Ticket&& other) noexcept {
        if (this != &other) {
            leave();
            admission_ = std::exchange(other.admission_, nullptr);
            established_ = other.established_;
        }
        return *this;
    }
    ~Ticket() { leave(); }

    // Half-open becomes a session. A second call does nothing.
    void established();
    void leave();
    explicit operator bool() const { return admission_ != nullptr; }

private:
    friend class Admission;
    explicit Ticket(Admission& admission) : admission_(&admission) {}

    Admission* admission_ = nullptr;
    bool established_ = false;
};

// Descriptors of a session beyond the two that every one is counted with. Given back when it ends.
class ExtraDescriptors {
public:
    ExtraDescriptors() = default;
    ExtraDescriptors(ExtraDescriptors&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), count_(other.count_) {}
    ExtraDescriptors& operator=(ExtraDescriptors&& other) noexcept {
        std::swap(admission_, other.admission_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~ExtraDescriptors();

    explicit operator bool() const { return admission_ != nullptr; }

private:
    friend class Admission;
    ExtraDescriptors(Admission& admission, std::int64_t count)
        : admission_(&admission), count_(count) {}

    Admission* admission_ = nullptr;
    std::int64_t count_ = 0;
};

class Admission {
public:
    enum class Refusal {
        sessions,  // max_sessions
        full,      // too many half-open
        random,    // between start and full
    };

    explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    // Counts the connection as accepted, and as refused if it is.
    std::expected<Ticket, Refusal> admit();

    // Whether the descriptor budget allows a further session: two descriptors each. To be asked
    // before accepting; between the question and admit() other workers may accept as well, and
    // the reserve covers that.
    bool has_room() const { return room() > 0; }
    // How many further sessions the budget allows.
    std::int64_t room() const {
        if (limits_.descriptors == 0) return std::numeric_limits<std::int64_t>::max();
        return (limits_.descriptors - descriptors_in_use()) / 2;
    }

    // For a session that needs more than two; empty if the budget has no room for them.
    ExtraDescriptors take_descriptors(std::int64_t count);

    std::int64_t half_open() const { return half_open_of(load()); }
    std::int64_t sessions() const { return sessions_of(load()); }
    // The most sessions there ever were.
    std::int64_t peak_sessions() const { return peak_.load(std::memory_order_relaxed); }
    std::int64_t descriptors_in_use() const {
        return 2 * total_of(load()) + extra_.load(std::memory_order_relaxed);
    }
    std::uint64_t accepted() const;  // served and refused
    std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

private:
    friend class Ticket;
    friend class ExtraDescriptors;

    // Half-open below, sessions above.
    static constexpr std::uint64_t kHalfOpen = 1;
    static constexpr std::uint64_t kSession = std::uint64_t{1} << 32;
    static std::int64_t half_open_of(std::uint64_t word) {
        return static_cast<std::int64_t>(word & 0xffff'ffff);
    }
    static std::int64_t sessions_of(std::uint64_t word) {
        return static_cast<std::int64_t>(word >> 32);
    }
    static std::int64_t total_of(std::uint64_t word) {
        return half_open_of(word) + sessions_of(word);
    }

    std::uint64_t load() const { return gauges_.load(std::memory_order_relaxed); }
    std::expected<void, Refusal> enter();
    void count_accepted();
    void raise_peak(std::int64_t sessions);

    // One line a stripe, so that workers count without meeting.
    struct alignas(64) Stripe {
        std::atomic<std::uint64_t> accepted{0};
    };
    static constexpr std::size_t kStripes = 16;

    const AdmissionLimits limits_;
    std::array<Stripe, kStripes> stripes_;
    alignas(64) std::atomic<std::uint64_t> gauges_{0};
    std::atomic<std::int64_t> peak_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::int64_t> extra_{0};
};

static_assert(sizeof(Ticket) <= 16);

}  // namespace neosocksd::net
