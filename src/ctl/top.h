// `neosocksd ctl top`: looks at the server again and again, on a terminal or into a pipe.

#pragma once

#include "ctl/commands.h"

namespace neosocksd::ctl {

// Until `q`, a signal, --count looks, or, into a pipe, the first failure. On a terminal a server
// that does not answer is asked again: it may be being restarted.
Report run_top(Client& client, const Invocation& invocation, bool with_token);

}  // namespace neosocksd::ctl
