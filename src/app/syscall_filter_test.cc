// Filters are run here as the kernel runs them, on made-up calls.

#include "app/syscall_filter.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "app/filter_fixture.h"

namespace neosocksd::app {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
const std::uint32_t kRefuse = fail_call(EPERM);
const std::uint32_t kMissing = fail_call(ENOSYS);

FilterSpec spec_of(std::vector<CallRule> rules, std::uint32_t by_default) {
    return {.rules = std::move(rules),
            .by_default = by_default,
            .unknown_from = 1000,
            .unknown = kMissing,
            .foreign = kRefuse};
}

TEST(SyscallFilter, answers_each_call_by_its_rule_and_others_by_default) {
    // Neighbours, single ones, both ends; so many that a jump is longer than 255 statements.
    std::vector<CallRule> rules;
    const auto listed = [](std::uint32_t number) { return number % 7 < 3 && number != 500; };
    for (std::uint32_t number = 0; number < 1000; number++)
        if (listed(number)) rules.push_back({.number = number, .answer = kAllow});
    FilterMachine machine(spec_of(rules, kRefuse));
    for (std::uint32_t number = 0; number < 1000; number++)
        ASSERT_EQ(machine.run(number), listed(number) ? kAllow : kRefuse) << number;
    for (const std::uint32_t number : {1000u, 0x3fffffffu, 0x40000000u, 0x40000001u, ~0u})
        EXPECT_EQ(machine.run(number), kMissing) << number;
    EXPECT_LE(machine.longest_run(), 16u) << "a search, not a walk";
}

TEST(SyscallFilter, the_order_of_rules_does_not_matter_but_the_first_for_a_number_counts) {
    FilterMachine machine(spec_of({{.number = 9, .answer = kAllow},
                                   {.number = 3, .answer = kAllow},
                                   {.number = 9, .answer = kRefuse}},
                                  kRefuse));
    EXPECT_EQ(machine.run(3), kAllow);
    EXPECT_EQ(machine.run(9), kAllow);
    EXPECT_EQ(machine.run(8), kRefuse);
}

TEST(SyscallFilter, looks_at_the_low_half_of_an_argument_through_its_mask) {
    FilterMachine machine(spec_of({{7, kAllow, ArgumentCheck{2, 0xf0, {0x10, 0x30}}, kRefuse},
                                   {8, kRefuse, ArgumentCheck{0, ~0u, {5}}, kAllow}},
                                  kRefuse));
    EXPECT_EQ(machine.run(7, {0, 0, 0x10}), kAllow);
    EXPECT_EQ(machine.run(7, {0, 0, 0x3f}), kAllow);
    EXPECT_EQ(machine.run(7, {0, 0, 0x20}), kRefuse);
    EXPECT_EQ(machine.run(7, {0, 0, 0xffffffff00000010}), kAllow) << "as the kernel reads an int";
    EXPECT_EQ(machine.run(7, {0x10, 0x10, 0}), kRefuse) << "another argument";
    EXPECT_EQ(machine.run(8, {5}), kRefuse);
    EXPECT_EQ(machine.run(8, {6}), kAllow);
}

TEST(SyscallFilter, another_calling_convention_is_foreign_whatever_the_number) {
    FilterMachine machine(spec_of({{.number = 1, .answer = kAllow}}, kAllow));
    for (const std::uint32_t machine_name : {0u, std::uint32_t{AUDIT_ARCH_I386}, ~0u})
        for (const std::uint32_t number : {0u, 1u, 11u, 2000u})
            EXPECT_EQ(machine.run_on(machine_name, number), kRefuse);
}

TEST(SyscallFilter, calls_without_a_check_are_decided_by_their_number_alone) {
    // That is what the kernel's cache can remember.
    FilterMachine machine(
        spec_of({{.number = 1, .answer = kAllow}, {2, kAllow, ArgumentCheck{0, ~0u, {5}}, kRefuse}},
                kRefuse));
    machine.run(1);
    EXPECT_EQ(machine.arguments_read(), 0u);
    machine.run(2);
    EXPECT_EQ(machine.arguments_read(), 1u);
}

}  // namespace
}  // namespace neosocksd::app
