// Options that were given and that no field of a boot configuration can say, for --dump-config.

#pragma once

#include <string_view>
#include <vector>

#include "app/options.h"

namespace neosocksd::app {

// Their names, in the order of the usage text.
std::vector<std::string_view> options_without_field(const Options& options);

}  // namespace neosocksd::app
