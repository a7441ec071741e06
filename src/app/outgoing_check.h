// Tries the options of outgoing connections once at the start, so that a mistake is seen when it is
// made and not with the first client.

#pragma once

#include "net/connector.h"

namespace neosocksd::app {

// False, the reason having been logged, if no connection can ever work: a mark that we are not
// allowed to set. What may change while we run (an interface or address that is not there yet) and
// what is only less than asked for (buffers) is a warning.
bool check_outgoing(const net::OutgoingOptions& options);

}  // namespace neosocksd::app
