// The randomness of the session fuzzer: everything that is drawn comes from the printed seed.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace neosocksd::fuzz {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}

    // 0 to n - 1.
    std::uint64_t pick(std::uint64_t n) { return n == 0 ? 0 : random_() % n; }
    bool chance(unsigned percent) { return pick(100) < percent; }
    template <typename T>
    T one_of(std::initializer_list<T> choices) {
        return choices.begin()[pick(choices.size())];
    }
    // The seed of other dice, so that what one party draws does not move what another draws.
    std::uint64_t fork() { return random_(); }

private:
    std::mt19937_64 random_;
};

}  // namespace neosocksd::fuzz
