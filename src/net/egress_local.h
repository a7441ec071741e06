// Whether an address belongs to this host: would a connection to it arrive here?

#pragma once

#include "base/address.h"

namespace neosocksd::net {

// Asks the kernel's routing table (a few system calls). If it cannot be asked the answer is yes:
// the caller protects our own listeners with it.
bool is_local_address(const IpAddress& address);

}  // namespace neosocksd::net
