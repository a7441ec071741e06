// Tested by tests/e2e/test_api_stream.py.

#include "proxy/session_events.h"

#include <utility>

#include "base/limits.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

void SessionEvents::tell(std::vector<SessionEvent> events, std::size_t dropped) {
    const std::size_t count = events.size();
    // Set before wanted() was true for the first time, and never changed.
    io::Loop* control = control_.load(std::memory_order_acquire);
    dropped += dropped_.exchange(0, std::memory_order_relaxed);
    io::Message message = [this, events = std::move(events), dropped] { deliver(events, dropped); };
    if (!control || !control->post(message))
        dropped_.fetch_add(count + dropped, std::memory_order_relaxed);
}

void SessionEvents::add(io::Loop& control, SessionWatcher& watcher) {
    control_.store(&control, std::memory_order_release);
    if (count_++ == 0) dropped_.store(0, std::memory_order_relaxed);
    list_.push_back(watcher);
    wanted_.store(true, std::memory_order_release);
}

void SessionEvents::remove(SessionWatcher& watcher) {
    watcher.unlink();
    if (--count_ == 0) wanted_.store(false, std::memory_order_relaxed);
}

void SessionEvents::deliver(const std::vector<SessionEvent>& events, std::size_t dropped) {
    list_.for_each([&](SessionWatcher& watcher) {
        for (const SessionEvent& event : events) watcher.happened(event);
        if (dropped > 0) watcher.lost(dropped);
    });
}

void Session::tell_opened() {
    if (worker_->events().wanted()) worker_->tell({false, describe(facts()), {}});
}

void Session::tell_closed(std::string_view reason) {
    if (told_closed_) return;
    told_closed_ = true;
    if (!worker_->events().wanted()) return;
    worker_->tell({true, describe(facts()), killed_ ? kKilledText : std::string(reason)});
}

void Worker::tell(SessionEvent event) {
    if (told_.size() >= limits::kSessionEventsTurn) {
        untold_++;
        return;
    }
    told_.push_back(std::move(event));
    if (!tell_op_.pending()) loop_.defer(tell_op_, 0);
}

void Worker::TellOp::run(io::Op& op, int) {
    Worker& worker = static_cast<TellOp&>(op).owner;
    worker.events().tell(std::exchange(worker.told_, {}), std::exchange(worker.untold_, 0));
}

}  // namespace neosocksd::proxy
