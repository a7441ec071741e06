// One scene: workers as the program runs them, on real sockets, and all conversations of a plan at
// once, on one thread. When it is over, what must hold is checked:
//
//   every session has ended, and each accepted connection has been counted once with an outcome
//   what arrived is the front of what was sent; all of it where the end was a clean one
//   no gauge, pipe, buffer, timer, task or descriptor is left

#pragma once

#include <cstdint>

#include "fuzz/session/plan.h"

namespace neosocksd::fuzz {

struct SceneResult {
    std::uint64_t sessions = 0;
    std::uint64_t established = 0;
    std::uint64_t bytes = 0;
};

// Ends the process if anything is wrong.
SceneResult run_scene(const ScenePlan& plan);

}  // namespace neosocksd::fuzz
