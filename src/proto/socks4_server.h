// SOCKS4 and SOCKS4A, the server's side: one request, one reply. There is no RFC; the references
// are SOCKS: "SOCKS: A protocol for TCP proxy across firewalls" and its 4A extension.
// The user id is handed on as a user name; nothing here verifies it.

#pragma once

#include <string>
#include <string_view>

#include "proto/step.h"

namespace neosocksd::proto {

class Socks4Server {
public:
    Step step(std::string_view input, Exchange& exchange);
};

// Port and address fields are always zero: clients ignore them for CONNECT.
std::string socks4_reply(bool granted);

}  // namespace neosocksd::proto
