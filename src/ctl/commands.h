// The commands of `neosocksd ctl` that ask, print, and are done; `top` is in top.h.

#pragma once

#include <string>

#include "ctl/arguments.h"
#include "ctl/client.h"

namespace neosocksd::ctl {

// Part of the interface: docs/ctl.md.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;       // by the server, or its Lua failed
inline constexpr int kBadArguments = 2;  // nothing was asked
inline constexpr int kNoAnswer = 3;

// `output` belongs to the standard output, `complaint` to the standard error: both without colours
// and, where they are not tables, as the server sent them.
struct Report {
    int status = kDone;
    std::string output = {};
    std::string complaint = {};
};

Report run_command(Client& client, const Invocation& invocation, bool with_token);

}  // namespace neosocksd::ctl
