// The terminal while `top` owns it: its other screen, no echo, no cursor, keys as they are pressed.
// However that ends, the terminal is left as it was found; signals arrive as events, so that none
// ends the process in between.

#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <termios.h>

#include "base/descriptor.h"

namespace neosocksd::ctl {

// Until all is written, or nobody reads; false then.
bool write_all(int fd, std::string_view text);

class Terminal {
public:
    struct Size {
        std::size_t columns = 80;
        std::size_t rows = 24;
    };
    enum class Event : unsigned char {
        none,    // the time is over
        redraw,  // another size, or we are back from having been stopped
        quit,    // a key, the terminal is gone, or a signal: ending_signal()
    };

    // Whether the standard output is one on which a cursor can be moved.
    static bool is_usable();

    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    Size size() const;
    // Replaces all that is shown. Lines must fit: Size, printable text. False: it is gone.
    bool show(const std::vector<std::string>& lines);
    // Waits for one.
    Event wait(std::chrono::steady_clock::time_point until);
    // Readable when wait() has something to say at once.
    std::span<const int> descriptors() const { return {descriptors_, has_keys_ ? 2U : 1U}; }
    // What has ended us, or 0: to be raised again when the terminal is restored.
    int ending_signal() const { return ending_signal_; }

private:
    void enter();
    void leave();
    Event read_signal();
    Event read_keys();
    void stop_and_come_back();

    // What was found comes first: the members behind it are made while it is read.
    sigset_t mask_{};  // signals that were blocked
    termios found_{};  // the settings of the standard input, if it is a terminal
    bool has_keys_;    // it is one
    Descriptor signals_;
    int descriptors_[2];  // signals, keys
    int ending_signal_ = 0;
};

}  // namespace neosocksd::ctl
