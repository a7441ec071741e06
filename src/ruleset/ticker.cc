// A late tick is not made up for: the next one is an interval after it. Tested by vm_test.cc.

#include "ruleset/ticker.h"

#include "base/log.h"
#include "ruleset/vm.h"

namespace neosocksd::ruleset {

Ticker::Ticker(Vm& vm) : Timer([](Timer& timer) { static_cast<Ticker&>(timer).tick(); }), vm_(vm) {}

void Ticker::attach(io::Loop& loop) {
    loop_ = &loop;
    set_interval(interval_);
}

void Ticker::let_go() {
    stop();
    loop_ = nullptr;
}

void Ticker::stop() {
    if (active()) loop_->stop_timer(*this);
}

void Ticker::set_interval(io::Duration interval) {
    interval_ = interval;
    stop();
    if (loop_ && interval_ > io::Duration::zero()) loop_->start_timer(*this, interval_);
}

void Ticker::tick() {
    loop_->start_timer(*this, interval_);
    const Vm::Entry entry(vm_);
    lua_State* lua = vm_.state();
    bool well = vm_.push_callback("tick", false);
    if (well && lua_isnil(lua, -1)) {  // optional
        lua_pop(lua, 1);
        return;
    }
    if (well) {
        lua_pushnumber(lua, vm_.now());
        well = vm_.call(1, 0);
    }
    if (!well) NEOSOCKSD_LOG_LINES(warning, "ruleset.tick: {}", vm_.pop_error());
}

}  // namespace neosocksd::ruleset
