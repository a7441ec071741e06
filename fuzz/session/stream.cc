// A stream is a hash of its seed and the position, so no end has to keep what it has sent.

#include "fuzz/session/stream.h"

#include <algorithm>

#include <fmt/format.h>

namespace neosocksd::fuzz {
namespace {

constexpr std::size_t kAhead = 64 * 1024;  // said but not sent yet

std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

}  // namespace

std::string stream_bytes(std::uint64_t seed, std::uint64_t position, std::size_t size) {
    std::string bytes(size, '\0');
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; i++) {
        const std::uint64_t at = position + i;
        if (i == 0 || at % 8 == 0) word = mixed(seed * 0x9e3779b97f4a7c15ull + at / 8);
        bytes[i] = static_cast<char>(word >> (at % 8 * 8));
    }
    return bytes;
}

void Traffic::pump(Wire& wire) {
    while (said_ < to_send_ && wire.unsent() < kAhead) {
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(to_send_ - said_, 16384));
        wire.say(stream_bytes(seed_out_, said_, size));
        said_ += size;
    }
    if (said_ == to_send_) wire.finish_when_said();
}

void Traffic::take(std::string& in, bool check, const char* who) {
    if (check && in != stream_bytes(seed_in_, received_, in.size()))
        fail(fmt::format("{} received wrong bytes after {}", who, received_));
    received_ += in.size();
    in.clear();
}

}  // namespace neosocksd::fuzz
