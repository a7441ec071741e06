// Tested by hangup_watch_test.cc and tests/e2e.

#include "proxy/hangup_watch.h"

#include <cerrno>

#include "base/limits.h"
#include "io/peek.h"

namespace neosocksd::proxy {

HangupWatch::HangupWatch(io::Loop& loop, io::Socket& client, io::Scope& scope, bool end_means_gone)
    : Timer([](Timer& timer) { static_cast<HangupWatch&>(timer).watch(); }),
      Op([](Op& op, int result) { static_cast<HangupWatch&>(op).ready(result); }),
      loop_(loop),
      client_(client),
      scope_(scope),
      end_means_gone_(end_means_gone) {
    loop_.start_timer(*this, limits::kHangupWatchDelay);
}

void HangupWatch::watch() {
    const auto readiness = end_means_gone_ ? io::Readiness::peer_done : io::Readiness::reset;
    // It has no resets, and what it sent before it closed is still to be delivered.
    if (!end_means_gone_ && io::is_unix_socket(client_.fd())) return;
    const int result = loop_.engine().poll(client_, readiness, *this);
    if (result != io::kPending) ready(result);
}

void HangupWatch::ready(int result) {
    if (stopping_) {
        if (waiter_) waiter_.resume();
        return;
    }
    if (result < 0) return;
    if (end_means_gone_) {
        if (io::peek(client_.fd()) > 0) {
            // Early data, then the end: a half-close.
            end_means_gone_ = false;
            watch();
            return;
        }
    }
    scope_.cancel(ECONNRESET);
}

bool HangupWatch::begin_stop() {
    stopping_ = true;
    loop_.stop_timer(*this);
    if (!Op::pending()) return true;
    loop_.engine().cancel(*this);
    return false;
}

}  // namespace neosocksd::proxy
