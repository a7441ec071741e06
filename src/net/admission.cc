// Relaxed order throughout: the word guards no other memory.

#include "net/admission.h"

#include <algorithm>
#include <cassert>
#include <random>

#include <sys/resource.h>

#include "base/limits.h"

namespace neosocksd::net {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool chance(std::int64_t percent) {
    if (percent <= 0) return false;
    if (percent >= 100) return true;
    thread_local std::minstd_rand random(std::random_device{}());
    return std::uniform_int_distribution<std::int64_t>(0, 99)(random) < percent;
}

}  // namespace

std::int64_t session_descriptors(int workers) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
    const auto total = static_cast<std::int64_t>(limit.rlim_cur);
    const auto kept = static_cast<std::int64_t>(limits::kDescriptorReserve) +
                      static_cast<std::int64_t>(limits::kDescriptorsPerWorker) * workers;
    return std::max<std::int64_t>(total - kept, 2);
}

std::expected<Ticket, Admission::Refusal> Admission::admit() {
    count_accepted();
    const auto entered = enter();
    if (!entered) {
        refused_.fetch_add(1, kRelaxed);
        return std::unexpected(entered.error());
    }
    return Ticket(*this);
}

std::expected<void, Admission::Refusal> Admission::enter() {
    std::uint64_t word = load();
    bool drawn = false;
    do {
        const std::int64_t half_open = half_open_of(word);
        if (limits_.max_sessions > 0 && total_of(word) >= limits_.max_sessions)
            return std::unexpected(Refusal::sessions);
        if (limits_.full > 0 && half_open >= limits_.full) return std::unexpected(Refusal::full);
        if (limits_.start > 0 && half_open >= limits_.start && !drawn) {
            // One draw a connection, however often the swap is tried.
            drawn = true;
            if (chance(limits_.rate)) return std::unexpected(Refusal::random);
        }
    } while (!gauges_.compare_exchange_weak(word, word + kHalfOpen, kRelaxed));
    return {};
}

ExtraDescriptors Admission::take_descriptors(std::int64_t count) {
    ExtraDescriptors taken(*this, count);
    extra_.fetch_add(count, kRelaxed);
    // Those just taken are among those in use. Refused: they go back at once.
    if (limits_.descriptors > 0 && descriptors_in_use() > limits_.descriptors) return {};
    return taken;
}

ExtraDescriptors::~ExtraDescriptors() {
    if (!admission_) return;
    [[maybe_unused]] const std::int64_t before = admission_->extra_.fetch_sub(count_, kRelaxed);
    assert(before >= count_);
}

void Admission::count_accepted() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t stripe = threads.fetch_add(1, kRelaxed) % kStripes;
    stripes_[stripe].accepted.fetch_add(1, kRelaxed);
}

std::uint64_t Admission::accepted() const {
    std::uint64_t sum = 0;
    for (const Stripe& stripe : stripes_) sum += stripe.accepted.load(kRelaxed);
    return sum;
}

void Admission::raise_peak(std::int64_t sessions) {
    std::int64_t peak = peak_.load(kRelaxed);
    while (sessions > peak && !peak_.compare_exchange_weak(peak, sessions, kRelaxed)) {
    }
}

void Ticket::established() {
    if (!admission_ || established_) return;
    established_ = true;
    const std::uint64_t step = Admission::kSession - Admission::kHalfOpen;
    const std::uint64_t before = admission_->gauges_.fetch_add(step, kRelaxed);
    assert(Admission::half_open_of(before) > 0);
    admission_->raise_peak(Admission::sessions_of(before + step));
}

void Ticket::leave() {
    if (!admission_) return;
    const std::uint64_t step = established_ ? Admission::kSession : Admission::kHalfOpen;
    [[maybe_unused]] const std::uint64_t before = admission_->gauges_.fetch_sub(step, kRelaxed);
    assert((established_ ? Admission::sessions_of(before) : Admission::half_open_of(before)) > 0);
    admission_ = nullptr;
}

}  // namespace neosocksd::net
