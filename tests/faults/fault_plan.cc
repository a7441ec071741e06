// Tested by tests/faults/test_walk.py.

#include "tests/faults/fault_plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "tests/faults/symbols.h"

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __real_close(int fd);

namespace neosocksd::faults {
namespace {

constexpr unsigned kDepth = 24;

// Set once, before any thread is started.
Control* map_control() {
    const char* path = std::getenv("NEOSOCKSD_FAULTS");
    if (!path) return nullptr;
    const int fd = __real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) std::abort();
    void* at = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    __real_close(fd);
    if (at == MAP_FAILED) std::abort();
    auto* control = static_cast<Control*>(at);
    if (control->magic != kMagic) std::abort();
    return control;
}

Control* the_control = nullptr;

__attribute__((constructor)) void begin() {
    the_control = map_control();
    injecting = the_control != nullptr;
}

Control* control() {
    return the_control;
}

struct Bounds {
    std::uintptr_t low = 0;
    std::uintptr_t high = 0;
    Bounds() {
        pthread_attr_t attributes;
        if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
        void* start = nullptr;
        std::size_t size = 0;
        pthread_attr_getstack(&attributes, &start, &size);
        pthread_attr_destroy(&attributes);
        low = reinterpret_cast<std::uintptr_t>(start);
        high = low + size;
    }
};

// The return addresses of the callers, by frame pointers. Code without them (a library's) may
// break the chain, never lead out of the stack.
__attribute__((no_sanitize("address"))) unsigned walk(void** frame, std::uintptr_t* found) {
    thread_local const Bounds bounds;
    unsigned count = 0;
    while (count < kDepth) {
        const auto at = reinterpret_cast<std::uintptr_t>(frame);
        if (at < bounds.low || at + 2 * sizeof(void*) > bounds.high || at % sizeof(void*) != 0)
            break;
        const auto address = reinterpret_cast<std::uintptr_t>(frame[1]);
        if (address == 0) break;
        found[count++] = address - 1;
        auto** const next = static_cast<void**>(*frame);
        if (next <= frame) break;
        frame = next;
    }
    return count;
}

std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

Site* find_site(Control& plan, unsigned call, void** frame) {
    std::uintptr_t addresses[kDepth] = {};
    const unsigned count = walk(frame, addresses);
    std::uint64_t owner = 0;
    std::uint64_t offsets[kFrames] = {};
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        const CodePlace place = place_of(addresses[i]);
        if (!place.ours) continue;
        if (kept < kFrames) offsets[kept++] = place.offset;
        if (owner == 0 && !place.plumbing) owner = place.offset;
    }
    std::uint64_t key = mix(mix(mix(call + 1) + offsets[0]) + owner);
    if (key == 0) key = 1;
    for (unsigned tried = 0; tried < kSites; tried++) {
        Site& site = plan.sites[(key + tried) % kSites];
        std::uint64_t there = site.key.load(std::memory_order_acquire);
        if (there == key) return &site;
        if (there != 0) continue;
        static std::mutex adding;
        const std::lock_guard lock(adding);
        there = site.key.load(std::memory_order_relaxed);
        if (there == key) return &site;
        if (there != 0) continue;
        site.call = call;
        std::copy(std::begin(offsets), std::end(offsets), std::begin(site.frames));
        site.key.store(key, std::memory_order_release);
        return &site;
    }
    plan.lost_sites++;
    return nullptr;
}

Fault fire(Control& plan, std::uint64_t key, const Choice& choice) {
    plan.log[plan.fired.fetch_add(1) % kFired] = {key, choice.kind, choice.error};
    return {static_cast<Kind>(choice.kind), static_cast<int>(choice.error)};
}

Fault by_chance(Control& plan, const Site& site, std::uint32_t permille) {
    const std::uint64_t number = mix(plan.random.fetch_add(0x9e3779b97f4a7c15));
    if (number % 1000 >= permille) return {};
    const auto& choices = plan.choices[site.call];
    const auto count = static_cast<unsigned>(std::count_if(
        std::begin(choices), std::end(choices), [](const Choice& c) { return c.kind != 0; }));
    if (count == 0) return {};
    return fire(plan, site.key, choices[(number >> 32) % count]);
}

}  // namespace

bool injecting = false;

Fault passage(unsigned call, void** frame) {
    Control* const plan = control();
    if (!plan) return {};
    const int kept_errno = errno;
    Site* const site = find_site(*plan, call, frame);
    errno = kept_errno;
    if (!site) return {};
    site->passages.fetch_add(1, std::memory_order_relaxed);
    if (const std::uint32_t permille = plan->permille.load(std::memory_order_relaxed))
        return by_chance(*plan, *site, permille);
    if (plan->armed.load(std::memory_order_acquire) == 0) return {};
    if (plan->key.load(std::memory_order_relaxed) != site->key.load(std::memory_order_relaxed))
        return {};
    const std::uint32_t passed = plan->passed.fetch_add(1);
    if (passed < plan->nth || passed >= plan->nth + plan->times) return {};
    if (passed + 1 == plan->nth + plan->times) plan->armed = 0;
    return fire(*plan, site->key, plan->fault);
}

unsigned call_number(const char* name) {
    Control* const plan = control();
    if (!plan) return 0;
    static std::mutex naming;
    const std::lock_guard lock(naming);
    for (unsigned i = 0; i < kCalls; i++) {
        char(&slot)[32] = plan->names[i];
        if (slot[0] == '\0') std::strncpy(slot, name, sizeof slot - 1);
        if (std::strncmp(slot, name, sizeof slot - 1) == 0) return i;
    }
    std::abort();
}

}  // namespace neosocksd::faults
