// `neosocksd ctl`: looks into a running server, and controls it, through its API. Where to begin:
// arguments.h (what can be said), commands.h (what is done), top.h (the live view).
//
// It is a client and nothing more: whatever it can do, curl can (docs/ctl.md, docs/rest-api.md).

#pragma once

namespace neosocksd::ctl {

// argv[1] is "ctl". The exit status.
int run(int argc, const char* const* argv);

}  // namespace neosocksd::ctl
