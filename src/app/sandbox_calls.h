// Which system calls the running process may make: the lists behind --sandbox.
//
// Two profiles, because a ruleset may start programs and a proxy without one never does:
//   closed   an allow list: what our own code, c-ares, Lua's library and libc call while serving.
//            No program is started, no process is signalled or watched, nothing is made executable;
//            without an access log or rules no file is opened for writing.
//   open     a refuse list: what no honest program that a ruleset starts needs, and what breaks out
//            of containers: kernel modules, mounts, namespaces, tracing, bpf, keys, clocks.
//            Programs inherit the filter and cannot take it off.
// The rows are in sandbox_calls.cc with their reasons.

#pragma once

#include "app/syscall_filter.h"

namespace neosocksd::app {

struct SandboxNeeds {
    bool programs = false;  // rules may start some: the open profile
    bool rules = false;     // Lua's io and os, C modules
    bool writing = false;   // a file is opened for writing after the start
    bool uring = false;     // io_uring may be used
    int pid = 0;            // ours
};

FilterSpec sandbox_filter(const SandboxNeeds& needs);

// On top of it, once all threads and rings exist: there will be no more. What a ring may do it was
// told when it was made (io/uring_ring.h), so that none gets by the filter.
FilterSpec sandbox_seal(const SandboxNeeds& needs);

}  // namespace neosocksd::app
