// --sandbox: the process gives up the system calls that it does not need (seccomp). For good, for
// all its threads, and for the programs it starts.
//
// Applied when all is bound and -u has taken effect, and before any worker thread exists. It also
// sets no_new_privs: programs that a ruleset starts gain no rights by set-user-ID.

#pragma once

#include <optional>

#include "app/options.h"
#include "app/sandbox_calls.h"

namespace neosocksd::app {

class Sandbox {
public:
    // `with_rules`: a script runs, or may later. `uring`: the engine may be io_uring. Logs what was
    // done, and why not; false: --sandbox asks for what is not to be had.
    bool enter(const Options& options, bool with_rules, bool uring);

    // When all threads and rings exist, before any client is let in: there will be no more.
    void seal();

private:
    std::optional<SandboxNeeds> needs_;  // inside
};

}  // namespace neosocksd::app
