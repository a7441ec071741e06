// The rules of a scene: a real Lua state, whose ruleset does what the name of a target asks for.

#pragma once

#include <cstdint>
#include <memory>

#include "io/loop.h"
#include "ruleset/rules.h"

namespace neosocksd::fuzz {

class SceneRules {
public:
    // `hop_port`: where the hops of the chains listen that the rules choose.
    SceneRules(io::Loop& control, std::uint16_t hop_port);
    ~SceneRules();

    ruleset::Rules* rules();
    // Before the loop ends.
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace neosocksd::fuzz
