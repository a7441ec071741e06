// Tells watchers of sessions that open and close, from all workers.
//
//   Session ─▶ Worker: a batch a turn ─▶ the control thread ─▶ SessionWatcher ...
//
// When nobody watches, a session pays one relaxed load. When somebody does, memory stays bounded:
// a worker that tells more in a turn than limits::kSessionEventsTurn, or finds the control thread
// far behind, counts what it drops, and the watchers hear how much that was.

#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/list.h"
#include "io/loop.h"
#include "proxy/session_list.h"

namespace neosocksd::proxy {

struct SessionEvent {
    bool closed = false;  // otherwise: its target has been reached
    SessionRow row;
    std::string reason;  // of the end
};

// On the control thread.
class SessionWatcher : public ListHook {
public:
    virtual void happened(const SessionEvent& event) = 0;
    // So many events will never be told.
    virtual void lost(std::size_t count) = 0;

protected:
    ~SessionWatcher() = default;
};

class SessionEvents {
public:
    // From any thread.
    bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
    // From a worker's thread, if wanted().
    void tell(std::vector<SessionEvent> events, std::size_t dropped);

    // On the control thread. A watcher leaves when it is unlinked and this is told.
    void add(io::Loop& control, SessionWatcher& watcher);
    void remove(SessionWatcher& watcher);
    std::size_t watchers() const { return count_; }

private:
    void deliver(const std::vector<SessionEvent>& events, std::size_t dropped);

    std::atomic<bool> wanted_{false};
    std::atomic<io::Loop*> control_{nullptr};
    std::atomic<std::size_t> dropped_{0};  // that nobody has heard of
    List<SessionWatcher> list_;
    std::size_t count_ = 0;
};

}  // namespace neosocksd::proxy
