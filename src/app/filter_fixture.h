// The kernel's side of a seccomp filter, for tests: runs a compiled one on a made-up call.

#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "app/syscall_filter.h"

namespace neosocksd::app {

class FilterMachine {
public:
    explicit FilterMachine(const FilterSpec& spec) : code_(compile_filter(spec).value()) {
        EXPECT_LE(code_.size(), 4096u) << "the kernel takes no more";
        own_ = code_[1].k;  // the program begins with a look at it
    }

    std::uint32_t run(std::uint32_t number, std::initializer_list<std::uint64_t> arguments = {}) {
        return run_on(own_, number, arguments);
    }

    std::uint32_t run_on(std::uint32_t machine, std::uint32_t number,
                         std::initializer_list<std::uint64_t> arguments = {}) {
        seccomp_data data{};
        data.nr = static_cast<int>(number);
        data.arch = machine;
        std::ranges::copy(arguments, data.args);
        std::uint32_t a = 0;
        std::size_t steps = 0;
        for (std::size_t at = 0; at < code_.size(); at++) {
            steps++;
            const sock_filter& line = code_[at];
            switch (line.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (line.k + 4 > sizeof data) return fail("reads beyond the data");
                std::memcpy(&a, reinterpret_cast<const char*>(&data) + line.k, 4);
                if (line.k >= offsetof(seccomp_data, args)) arguments_read_++;
                break;
            case BPF_ALU | BPF_AND | BPF_K: a &= line.k; break;
            case BPF_JMP | BPF_JA: at += line.k; break;
            case BPF_JMP | BPF_JEQ | BPF_K: at += a == line.k ? line.jt : line.jf; break;
            case BPF_JMP | BPF_JGE | BPF_K: at += a >= line.k ? line.jt : line.jf; break;
            case BPF_RET | BPF_K: longest_run_ = std::max(longest_run_, steps); return line.k;
            default: return fail("a statement that we do not make");
            }
        }
        return fail("runs off its end");
    }

    std::size_t longest_run() const { return longest_run_; }
    std::size_t arguments_read() const { return arguments_read_; }

private:
    static std::uint32_t fail(const char* why) {
        ADD_FAILURE() << why;
        return SECCOMP_RET_KILL_PROCESS;
    }

    std::vector<sock_filter> code_;
    std::uint32_t own_ = 0;
    std::size_t longest_run_ = 0;
    std::size_t arguments_read_ = 0;
};

}  // namespace neosocksd::app
