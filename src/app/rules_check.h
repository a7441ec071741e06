// neosocksd --check [--ask HOST:PORT]: the rules without a server.

#pragma once

#include "app/options.h"
#include "app/scripts.h"

namespace neosocksd::app {

// Loads the rules and, if asked, prints what they decide for one request; nothing is dialled.
// Returns the exit status: 0 if they load and accept the request, 1 otherwise.
int check_rules(const Options& options, Scripts& scripts);

}  // namespace neosocksd::app
