// Tested by tests/attacks/test_log_flood.py.

#include "app/log_teller.h"

#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::app {

LogTeller* LogTeller::current_ = nullptr;

LogTeller::TellTimer::TellTimer() : Timer([](Timer&) { log::tell_suppressed(); }) {}

LogTeller::LogTeller(io::Loop& control) : control_(control) {
    current_ = this;
    log::set_teller(&LogTeller::ask);
}

LogTeller::~LogTeller() {
    log::set_teller(nullptr);
    current_ = nullptr;
    control_.stop_timer(timer_);
    log::tell_suppressed();
}

bool LogTeller::ask() {
    // The message may be run after our end: then there is nobody to start a timer for.
    io::Message message = [] {
        if (current_) current_->control_.start_timer(current_->timer_, limits::kLogTellTime);
    };
    return current_->control_.post(message);
}

}  // namespace neosocksd::app
