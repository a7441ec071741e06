// Guesses which option was meant by an argument that is none.

#pragma once

#include <string_view>

namespace neosocksd::app {

// The long option name nearest to `argument`, or empty if none is near: at most two letters
// changed, added or left out, and fewer than were typed. `--name=value` counts as `--name`.
std::string_view nearest_option(std::string_view argument);

}  // namespace neosocksd::app
