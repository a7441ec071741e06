// Tested by syscall_filter_test.cc, which interprets what is compiled here.

#include "app/syscall_filter.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <map>

#include <linux/audit.h>
#include <linux/seccomp.h>

namespace neosocksd::app {
namespace {

using Code = std::vector<sock_filter>;

#if defined(__x86_64__) && !defined(__ILP32__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kMachine = AUDIT_ARCH_RISCV64;
#else
constexpr std::uint32_t kMachine = 0;
#endif

sock_filter statement(unsigned code, std::uint32_t value) {
    return {static_cast<std::uint16_t>(code), 0, 0, value};
}

sock_filter answer(std::uint32_t value) {
    return statement(BPF_RET | BPF_K, value);
}

sock_filter load(std::size_t offset) {
    return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

sock_filter jump(unsigned test, std::uint32_t value, std::size_t if_true, std::size_t if_false) {
    return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), static_cast<std::uint8_t>(if_true),
            static_cast<std::uint8_t>(if_false), value};
}

Code code_of(const CallRule& rule) {
    if (!rule.check) return {answer(rule.answer)};
    const ArgumentCheck& check = *rule.check;
    constexpr std::size_t kLow = std::endian::native == std::endian::little ? 0 : 4;
    Code code{load(offsetof(seccomp_data, args) + 8 * check.argument + kLow)};
    if (check.mask != ~0u) code.push_back(statement(BPF_ALU | BPF_AND | BPF_K, check.mask));
    for (std::size_t left = check.values.size(); left > 0; left--)
        code.push_back(jump(BPF_JEQ, check.values[check.values.size() - left], left, 0));
    code.push_back(answer(rule.otherwise));
    code.push_back(answer(rule.answer));
    return code;
}

// From a number on, up to the next range.
struct Range {
    std::uint32_t first;
    Code code;
};

bool same(const Code& left, const Code& right) {
    return std::ranges::equal(left, right, [](const sock_filter& a, const sock_filter& b) {
        return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
    });
}

std::vector<Range> ranges_of(const FilterSpec& spec) {
    std::map<std::uint32_t, Code> marks;
    for (const CallRule& rule : spec.rules) marks.try_emplace(rule.number, code_of(rule));
    std::vector<Range> ranges{{0, {answer(spec.by_default)}}};
    const auto add = [&](std::uint32_t first, const Code& code) {
        if (ranges.back().first == first)
            ranges.back().code = code;
        else if (!same(ranges.back().code, code))
            ranges.push_back({first, code});
        // Two equal neighbours have become one.
        if (const auto n = ranges.size(); n > 1 && same(ranges[n - 2].code, ranges[n - 1].code))
            ranges.pop_back();
    };
    for (const auto& [number, code] : marks) {
        add(number, code);
        add(number + 1, {answer(spec.by_default)});
    }
    add(std::max(spec.unknown_from, ranges.back().first), {answer(spec.unknown)});
    return ranges;
}

Code search(std::span<const Range> ranges) {
    if (ranges.size() == 1) return ranges.front().code;
    const std::size_t middle = ranges.size() / 2;
    const Code below = search(ranges.first(middle));
    const Code above = search(ranges.subspan(middle));
    Code code;
    // A conditional jump reaches 255 statements.
    if (below.size() <= 255) {
        code = {jump(BPF_JGE, ranges[middle].first, below.size(), 0)};
    } else {
        code = {jump(BPF_JGE, ranges[middle].first, 0, 1),
                statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below.size()))};
    }
    code.insert(code.end(), below.begin(), below.end());
    code.insert(code.end(), above.begin(), above.end());
    return code;
}

}  // namespace

std::uint32_t allow_call() {
    return SECCOMP_RET_ALLOW;
}

std::uint32_t fail_call(int error) {
    return SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
}

std::optional<Code> compile_filter(const FilterSpec& spec) {
    if (kMachine == 0) return std::nullopt;
    Code code{load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, kMachine, 1, 0),
              answer(spec.foreign), load(offsetof(seccomp_data, nr))};
    const Code body = search(ranges_of(spec));
    code.insert(code.end(), body.begin(), body.end());
    return code;
}

}  // namespace neosocksd::app
