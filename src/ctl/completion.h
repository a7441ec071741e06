// What shells offer behind "neosocksd ctl", as parts of the scripts of app/option_completion.h.
// Tested by tests/docs/test_documents.py in the shells themselves.

#pragma once

#include <string>

namespace neosocksd::ctl {

// At the beginning of the function: returns if the line is one of ours.
std::string bash_completion();
std::string zsh_completion();
// Rows for lines of ours only; and the condition of rows that are for others.
std::string fish_completion();
inline constexpr const char* kFishElsewhere = "not __fish_seen_subcommand_from ctl";

}  // namespace neosocksd::ctl
