// LogTeller: has the log say how many lines it suppressed, a second after the first of them. Until
// something is suppressed it costs nothing: no timer runs in an idle process.
//
// Whichever thread suppresses a line asks by a message to the control loop. Tested by
// tests/attacks/test_log_flood.py.

#pragma once

#include "io/loop.h"

namespace neosocksd::app {

// One at a time. Made and destroyed in the loop's thread, while the loop exists.
class LogTeller {
public:
    explicit LogTeller(io::Loop& control);
    ~LogTeller();
    LogTeller(const LogTeller&) = delete;
    LogTeller& operator=(const LogTeller&) = delete;

private:
    static bool ask();

    struct TellTimer : io::Timer {
        TellTimer();
    };

    static LogTeller* current_;  // of whom ask() asks
    io::Loop& control_;
    TellTimer timer_;
};

}  // namespace neosocksd::app
