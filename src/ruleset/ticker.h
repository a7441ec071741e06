// ruleset.tick(now) every interval: spec/lua.md section 9.

#pragma once

#include <optional>

#include "io/loop.h"

namespace neosocksd::ruleset {

class Vm;

class Ticker : io::Timer {
public:
    explicit Ticker(Vm& vm);
    ~Ticker() { let_go(); }

    void attach(io::Loop& loop);
    // No more ticks, whatever a script asks for.
    void let_go();

    // Zero: no more ticks. Begins a new period.
    void set_interval(io::Duration interval);

private:
    void tick();
    void stop();

    Vm& vm_;
    io::Loop* loop_ = nullptr;
    io::Duration interval_{};
};

}  // namespace neosocksd::ruleset
