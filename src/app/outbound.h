// Where connections go, -f and -x, as sessions use it.

#pragma once

#include <expected>
#include <string>

#include "app/options.h"
#include "proxy/config.h"

namespace neosocksd::app {

// The error is the reason, for the log.
std::expected<proxy::Outbound, std::string> parse_outbound(const Options& options);

}  // namespace neosocksd::app
