// One end of a connection that the fuzzer holds: it never blocks, cuts what it says into random
// slices, is late at random, and at one step of its life does what it should not.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/session/dice.h"

namespace neosocksd::fuzz {

enum class Fault : std::uint8_t {
    none,
    reset,   // the connection, at once
    close,   // close(2): a reset if anything is unread or comes later
    finish,  // the end of the stream, though there was more to say
    stall,   // deaf and dumb for longer than most sessions have, then a reset or on as before
    flip,    // a bit of what is said next; only where nothing is checked
};

// How an end behaves.
struct Manner {
    Fault fault = Fault::none;
    std::uint32_t fault_step = 0;  // sends and receives before it
    std::size_t slice = 65536;     // at most, at once
    unsigned lazy = 0;             // percent of the turns in which it does nothing
    int buffers = 0;               // SO_SNDBUF and SO_RCVBUF; 0: the kernel's
    unsigned patience = 0;         // turns in which nothing happens, then a reset; 0: no end
};
Manner draw_manner(Dice& dice, bool may_flip);

class Wire {
public:
    // Takes over a non-blocking descriptor.
    Wire(int fd, const Manner& manner, std::uint64_t seed);
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    ~Wire() { close(); }

    void say(std::string_view bytes) { out_ += bytes; }
    std::size_t unsent() const { return out_.size() - sent_; }
    void finish_when_said() { finishing_ = true; }
    // Sends and receives what is possible and wanted now. True if something happened.
    bool step(std::string& in);
    void close();
    void reset();

    bool open() const { return fd_ >= 0; }
    int fd() const { return fd_; }
    // Everything was said, and the end of it.
    bool finished() const { return finished_; }
    // The other side's end has come, and no error before.
    bool ended() const { return ended_ && error_ == 0; }
    int error() const { return error_; }
    bool over() const { return !open() || ended_ || error_ != 0; }
    // It did what an honest peer does not.
    bool misbehaved() const { return misbehaved_; }
    bool was_reset_by_us() const { return reset_; }

private:
    void misbehave();
    bool send_some();
    bool receive_some(std::string& in);

    int fd_;
    Manner manner_;
    Dice dice_;
    std::string out_;
    std::size_t sent_ = 0;
    std::uint32_t steps_ = 0;
    unsigned idle_turns_ = 0;
    unsigned stalled_ = 0;  // turns to come
    bool finishing_ = false;
    bool finished_ = false;
    bool cut_short_ = false;
    bool ended_ = false;
    bool misbehaved_ = false;
    bool reset_ = false;
    bool reset_after_stall_ = false;
    int error_ = 0;
};

}  // namespace neosocksd::fuzz
