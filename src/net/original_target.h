// Where a redirected connection was meant to go.
//
// TPROXY keeps the destination as the local address of the accepted socket. NAT REDIRECT rewrites
// it, and the kernel's connection tracking remembers it: SO_ORIGINAL_DST.

#pragma once

#include "base/address.h"
#include "base/result.h"

namespace neosocksd::net {

// IPv4-mapped addresses come back as IPv4. Fails with ENOENT if connection tracking knows nothing
// of the connection: nobody redirected it.
Result<Endpoint> tproxy_target(int fd);
Result<Endpoint> redirect_target(int fd);

}  // namespace neosocksd::net
