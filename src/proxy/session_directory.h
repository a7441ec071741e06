// The sessions of all workers, for the control thread: lists them, and ends some.
//
// A listing is no snapshot: workers are looked at one beside another while sessions come and go. A
// relay that is handed to another worker at that moment may be missing from it. What is to be
// ended is not missed: that is tried again while relays move.

#pragma once

#include "io/task.h"
#include "proxy/session_list.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

class SessionDirectory {
public:
    // `control` is the caller's loop. Every worker exists as long as this.
    SessionDirectory(const Shared& shared, io::Loop& control)
        : shared_(shared), control_(control) {}

    // The rows are in the order of their ids. Waits in the scope of the caller; when that is
    // cancelled, the result is worth nothing.
    io::Task<SessionPage> list(SessionQuery query);
    // Ends those that match; how many they were.
    io::Task<std::size_t> kill(SessionFilter filter);

    io::Loop& control() { return control_; }
    SessionEvents& events() { return shared_.events; }

private:
    io::Task<SessionPage> walk(SessionQuery query, bool kill);
    std::uint64_t handed_over() const;

    const Shared& shared_;
    io::Loop& control_;
};

}  // namespace neosocksd::proxy
