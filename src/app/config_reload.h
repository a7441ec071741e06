// A boot configuration (-c) that is loaded again: what of it the running program takes over.
//
// All or nothing: a setting that would have ended the start leaves everything as it was.

#pragma once

#include <expected>
#include <string>
#include <vector>

#include "app/options.h"
#include "proxy/config.h"

namespace neosocksd::app {

struct ConfigReload {
    Options options;                   // as they hold from now on
    proxy::Outbound outbound;          // of these
    std::vector<std::string> restart;  // fields that have changed, and wait for the next start
};

// From the options that hold to those that the configuration wants. The error is the reason why
// nothing can be taken over.
std::expected<ConfigReload, std::string> plan_reload(const Options& running, const Options& wanted);

}  // namespace neosocksd::app
