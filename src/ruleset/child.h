// Runs a shell command beside the program: await.execute of spec/lua.md section 4.

#pragma once

#include <expected>
#include <string>

#include "base/result.h"
#include "io/loop.h"
#include "io/task.h"

namespace neosocksd::ruleset {

// How it ended, as os.execute says it.
struct ChildEnd {
    bool by_signal = false;
    int number = 0;  // exit status, or signal
};

// /bin/sh -c COMMAND in a session of its own, with our standard streams, the default signals, and
// no other descriptor of ours. When the scope of the caller is cancelled the shell is killed.
io::Task<Result<ChildEnd>> run_shell(io::Loop& loop, std::string command);

}  // namespace neosocksd::ruleset
