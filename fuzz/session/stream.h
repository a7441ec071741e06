// The streams that peers send through the proxy: endless, each of its own seed, and such that a
// byte lost, doubled or moved shows.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/session/wire.h"

namespace neosocksd::fuzz {

// `size` bytes of the stream of that seed, from `position` on.
std::string stream_bytes(std::uint64_t seed, std::uint64_t position, std::size_t size);

// Reports what is wrong with what the proxy did, with the seed that repeats it, and ends the
// process.
[[noreturn]] void fail(const std::string& what);

// One peer's half of a tunnel: a stream to send, and one to check.
class Traffic {
public:
    Traffic(std::uint64_t seed_out, std::uint64_t seed_in, std::uint64_t to_send)
        : seed_out_(seed_out), seed_in_(seed_in), to_send_(to_send) {}

    // Hands the wire more to say, and lets it finish when there is no more.
    void pump(Wire& wire);
    // Checks and clears what has come, unless the conversation is one that may be corrupted.
    void take(std::string& in, bool check, const char* who);

    std::uint64_t to_send() const { return to_send_; }
    std::uint64_t received() const { return received_; }

private:
    std::uint64_t seed_out_;
    std::uint64_t seed_in_;
    std::uint64_t to_send_;
    std::uint64_t said_ = 0;
    std::uint64_t received_ = 0;
};

}  // namespace neosocksd::fuzz
