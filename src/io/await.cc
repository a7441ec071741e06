// Waits that are made of others. Tested by task_test.cc.

#include "io/await.h"

namespace neosocksd::io {

Task<Result<void>> send_all(Loop& loop, Socket& socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = co_await send_some(loop, socket, bytes);
        if (sent) {
            bytes.remove_prefix(*sent);
        } else if (sent.error().code != EAGAIN) {
            co_return std::unexpected(sent.error());
        }
        if (bytes.empty()) break;
        const auto room = co_await wait_for(loop, socket, Readiness::writable);
        if (!room) co_return std::unexpected(room.error());
    }
    co_return Result<void>{};
}

Task<void> drain_input(Loop& loop, Socket& socket, std::size_t limit) {
    for (std::size_t total = 0; total < limit;) {
        const auto got = co_await recv(loop, socket, [](std::string_view) {});
        if (!got || *got == 0) break;
        total += *got;
    }
}

}  // namespace neosocksd::io
