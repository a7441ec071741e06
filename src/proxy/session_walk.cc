// Tested by session_list_test.cc and tests/e2e/test_api_sessions.py.

#include "proxy/session_walk.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <thread>

#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {
namespace {

bool by_id(const SessionRow& a, const SessionRow& b) {
    return a.id < b.id;
}

}  // namespace

void SessionWalk::take(SessionPage part) {
    sum.matched += part.matched;
    std::ranges::move(part.rows, std::back_inserter(sum.rows));
    if (--expected == 0) answered.set();
}

bool SessionCollector::matches(const SessionFacts& facts) {
    if (facts.id <= query_.after || !query_.filter.matches(facts)) return false;
    page_.matched++;
    return true;
}

bool SessionCollector::wants(std::uint64_t id) const {
    if (query_.limit == 0) return false;
    return page_.rows.size() < query_.limit || id < page_.rows.front().id;
}

void SessionCollector::add(SessionRow row) {
    if (page_.rows.size() == query_.limit) {
        std::ranges::pop_heap(page_.rows, by_id);
        page_.rows.pop_back();
    }
    page_.rows.push_back(std::move(row));
    std::ranges::push_heap(page_.rows, by_id);
}

bool Worker::post_walk(const std::shared_ptr<SessionWalk>& walk) {
    io::Message message = [this, walk] { walks_.spawn(run_walk(walk)); };
    return loop_.post(message);
}

io::Task<void> Worker::run_walk(std::shared_ptr<SessionWalk> walk) {
    SessionCollector collector(walk->query);
    {
        SessionCursor cursor;
        cursor.next = sessions_.first();
        cursors_.push_back(cursor);
        bool on = true;
        while (on && cursor.next && !walk->abandoned.load(std::memory_order_relaxed)) {
            look_at_some(*walk, cursor, collector);
            const auto slept = co_await io::sleep(loop_, io::Duration::zero());
            on = slept.has_value();
        }
    }
    SessionPage part = collector.take();
    if (&walk->control == &loop_) {
        walk->take(std::move(part));
        co_return;
    }
    io::Message message = [walk, part = std::move(part)]() mutable { walk->take(std::move(part)); };
    // The control thread takes its messages for as long as there are workers.
    while (!walk->control.post(message)) {
        const auto slept = co_await io::sleep(loop_, limits::kMailboxRetry);
        if (!slept) std::this_thread::yield();
    }
}

void Worker::look_at_some(const SessionWalk& walk, SessionCursor& cursor,
                          SessionCollector& collector) {
    std::size_t cost = 0;
    for (; cost < limits::kSessionWalkSlice && cursor.next; cost++) {
        Session& session = *cursor.next;
        cursor.next = sessions_.after(session);
        if (walk.kill && session.killed()) continue;
        const SessionFacts facts = session.facts();
        if (!collector.matches(facts)) continue;
        if (walk.kill) {
            session.kill();  // it may be gone now
            cost += limits::kSessionKillCost - 1;
        } else if (collector.wants(facts.id)) {
            collector.add(session.describe(facts));
        }
    }
}

void Worker::leave_list(Session& session) {
    cursors_.for_each([&](SessionCursor& cursor) {
        if (cursor.next == &session) cursor.next = sessions_.after(session);
    });
    assert(session.linked() && session_count_ > 0);
    session.unlink();
    session_count_--;
}

}  // namespace neosocksd::proxy
