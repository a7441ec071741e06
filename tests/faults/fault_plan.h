// Which system call is to fail, decided from outside: the walk of tests/faults maps the same file.
//
// Every wrapped call asks passage() first. A *site* is a call together with the place in the
// program that makes it: the immediate caller and the first caller that is not plumbing (src/io,
// the standard library). The walk reads from the shared file which sites a scenario passes, then
// arms one of them at a time: the Nth passage fails, once or a few times in a row. With a rate
// instead, every passage fails by chance. Without NEOSOCKSD_FAULTS nothing is ever asked to fail.
// The layout is known to tests/faults/control.py.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace neosocksd::faults {

enum class Kind : std::uint32_t {
    none = 0,
    fail = 1,      // it is not made, and returns an error
    shorten = 2,   // it moves one byte, or one message, only
    again = 3,     // EAGAIN, and readiness is reported anew, as the kernel would
    late = 4,      // what it reports is held back for some milliseconds
    spurious = 5,  // readiness is reported that there is not
};

struct Fault {
    Kind kind = Kind::none;
    int error = 0;
    explicit operator bool() const { return kind != Kind::none; }
};

inline constexpr unsigned kSites = 4096;
inline constexpr unsigned kCalls = 128;
inline constexpr unsigned kChoices = 8;
inline constexpr unsigned kFrames = 6;
inline constexpr unsigned kFired = 256;
inline constexpr std::uint64_t kMagic = 0x31544c5541465346;  // "FSFAULT1"

struct Site {
    std::atomic<std::uint64_t> key;
    std::atomic<std::uint32_t> passages;
    std::uint32_t call;
    std::uint64_t frames[kFrames];  // offsets in the binary, the immediate caller first
};

// What has failed, for a storm's report.
struct Fired {
    std::uint64_t key;
    std::uint32_t kind;
    std::uint32_t error;
};

struct Choice {
    std::uint32_t kind;
    std::uint32_t error;
};

struct Control {
    std::uint64_t magic;
    std::atomic<std::uint32_t> armed;
    std::atomic<std::uint32_t> fired;
    std::atomic<std::uint64_t> key;
    std::atomic<std::uint32_t> passed;  // by the armed site, since it was armed
    std::uint32_t nth;                  // counted from zero
    std::uint32_t times;
    Choice fault;
    std::atomic<std::uint32_t> permille;
    std::atomic<std::uint64_t> random;
    std::atomic<std::uint32_t> lost_sites;  // that found the table full
    char names[kCalls][32];
    Choice choices[kCalls][kChoices];
    Site sites[kSites];
    Fired log[kFired];  // a ring; the next place is `fired`
};

// What control.py computes with.
static_assert(offsetof(Control, fault) == 36 && offsetof(Control, names) == 60);
static_assert(offsetof(Control, choices) == 4156 && offsetof(Control, sites) == 12352);
static_assert(sizeof(Site) == 64 && sizeof(Fired) == 16);

// False before the program's own constructors have run: the sanitizer's start-up calls are passed
// on.
extern bool injecting;

// `call` is the number of a name, from call_number(); `frame` is that of the wrapper.
Fault passage(unsigned call, void** frame);

// A name's number in this process; the same name always gets the same.
unsigned call_number(const char* name);

// Breaks a connection, as a peer's reset does: for errors that only a broken one reports.
void disconnect(int fd);

}  // namespace neosocksd::faults
