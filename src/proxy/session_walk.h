// One look at all sessions of all workers, asked for by the control thread.
//
//   SessionDirectory (control) ─▶ a message to each worker ─▶ walk its list, some sessions a turn
//                              ◀─ rows, or how many were ended ◀─
//
// A worker's relays go on between the slices of a walk, and nothing is locked. The list changes
// meanwhile: a cursor knows the session it will look at next, and whoever takes that one out of
// the list moves the cursor on.

#pragma once

#include <atomic>
#include <memory>

#include "base/list.h"
#include "io/event.h"
#include "proxy/session_list.h"

namespace neosocksd::proxy {

class Session;

struct SessionCursor : ListHook {
    Session* next = nullptr;  // nullptr: at the end
};

// Shared by the asking thread and the workers until the last of them has answered.
struct SessionWalk {
    SessionWalk(io::Loop& asking, SessionQuery asked, bool ends)
        : control(asking), query(std::move(asked)), kill(ends) {}

    io::Loop& control;
    const SessionQuery query;
    const bool kill;  // what matches is ended, not listed
    std::atomic<bool> abandoned{false};

    // The control thread's.
    void take(SessionPage part);
    std::size_t expected = 0;  // answers that are still to come
    io::Event answered{control};
    SessionPage sum;
};

// Keeps the rows with the smallest ids, as many as the query wants.
class SessionCollector {
public:
    explicit SessionCollector(const SessionQuery& query) : query_(query) {}

    // Whether the session is one of those asked for; counts it.
    bool matches(const SessionFacts& facts);
    // ... and its row is wanted: to be followed by add().
    bool wants(std::uint64_t id) const;
    void add(SessionRow row);

    SessionPage take() { return std::move(page_); }

private:
    const SessionQuery& query_;
    SessionPage page_;  // the rows are a heap, the greatest id first
};

}  // namespace neosocksd::proxy
