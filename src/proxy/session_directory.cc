// Tested by tests/e2e/test_api_sessions.py.

#include "proxy/session_directory.h"

#include <algorithm>

#include "base/limits.h"

namespace neosocksd::proxy {

io::Task<SessionPage> SessionDirectory::walk(SessionQuery query, bool kill) {
    const std::size_t limit = query.limit;
    const auto walk = std::make_shared<SessionWalk>(control_, std::move(query), kill);
    for (Worker* worker : shared_.workers) {
        // One that ends takes no messages, and has no sessions soon.
        if (worker->post_walk(walk)) walk->expected++;
    }
    if (walk->expected > 0) {
        const auto answered = co_await walk->answered.wait();
        if (!answered) walk->abandoned.store(true, std::memory_order_relaxed);
    }
    SessionPage page = std::move(walk->sum);
    std::ranges::sort(page.rows, {}, &SessionRow::id);
    // One that was handed over in between may have been seen twice.
    const auto doubles = std::ranges::unique(page.rows, {}, &SessionRow::id);
    page.matched -= doubles.size();
    page.rows.erase(doubles.begin(), doubles.end());
    if (page.rows.size() > limit) page.rows.resize(limit);
    co_return page;
}

io::Task<SessionPage> SessionDirectory::list(SessionQuery query) {
    auto walking = walk(std::move(query), false);
    co_return co_await std::move(walking);
}

io::Task<std::size_t> SessionDirectory::kill(SessionFilter filter) {
    std::size_t killed = 0;
    for (int round = 0; round < limits::kSessionKillRounds; round++) {
        const std::uint64_t before = handed_over();
        SessionQuery query;
        query.filter = filter;
        auto walking = walk(std::move(query), true);
        const SessionPage page = co_await std::move(walking);
        killed += page.matched;
        if (handed_over() == before) break;
    }
    co_return killed;
}

std::uint64_t SessionDirectory::handed_over() const {
    std::uint64_t sum = 0;
    for (Worker* worker : shared_.workers) sum += worker->stats().handed_over.get();
    return sum;
}

}  // namespace neosocksd::proxy
