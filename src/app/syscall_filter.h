// A seccomp filter from a list of system calls: the compiler. Pure, it installs nothing.
//
// The program that comes out first looks at the machine's calling convention (a filter sees
// numbers, and those of another convention mean something else), then finds the call's number by a
// binary search over ranges: eight comparisons for a hundred calls. Only a call whose rule looks at
// an argument reads one. The kernel (5.11 and later) runs the program once for each number when it
// is installed and remembers which calls are allowed whatever their arguments; those then cost
// next to nothing, so a rule for a call that is made often should have no check.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <linux/filter.h>

namespace neosocksd::app {

// What the kernel does with a call, as a filter returns it.
std::uint32_t allow_call();
std::uint32_t fail_call(int error);

// Holds if the argument's low 32 bits, of them those in `mask`, are one of `values`. The kernel
// reads no more of any argument that we look at: families, commands, flags, process ids.
struct ArgumentCheck {
    unsigned argument = 0;  // from 0
    std::uint32_t mask = ~0u;
    std::vector<std::uint32_t> values;
};

struct CallRule {
    std::uint32_t number = 0;
    std::uint32_t answer = 0;
    std::optional<ArgumentCheck> check = {};
    std::uint32_t otherwise = 0;  // where the check does not hold
};

struct FilterSpec {
    std::vector<CallRule> rules;  // in any order; the first one for a number counts
    std::uint32_t by_default = 0;
    // Calls that came after this program: from this number on. A C library that is newer than we
    // are tries them and does without, if it hears that there are none.
    std::uint32_t unknown_from = 0;
    std::uint32_t unknown = 0;
    std::uint32_t foreign = 0;  // another calling convention
};

// nullopt on machines whose calling convention we do not know.
std::optional<std::vector<sock_filter>> compile_filter(const FilterSpec& spec);

}  // namespace neosocksd::app
