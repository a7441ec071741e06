// When a part of an association has ended, and why: the association itself, or the hop of one of
// its chains.

#pragma once

#include <string_view>

#include "io/event.h"
#include "io/timer.h"

namespace neosocksd::proxy {

struct UdpLife {
    explicit UdpLife(io::Loop& loop) : ended(loop), last(loop.now()) {}

    static constexpr std::string_view kIdle = "idle";

    // The first reason stays.
    void finish(std::string_view why) {
        if (reason.empty()) reason = why;
        ended.set();
    }

    io::Event ended;
    std::string_view reason;
    io::TimePoint last;  // datagram of either direction
};

}  // namespace neosocksd::proxy
