// Where a connection goes: what a rule decides, and what the calls of a script name.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "proto/proxy_url.h"
#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

struct Route {
    HostPort target;
    std::vector<proto::ProxyUrl> chain;  // first hop first
};

// Reads `addr, proxyN, ..., proxy1` from the values `first` to the top of the stack, which stays as
// it is. The chain begins with `first_hops`. On failure `reason` says what is wrong with which
// value; it is empty if there is no address at all (nothing, or nil in the first place).
std::optional<Route> read_route(lua_State* lua, int first,
                                const std::vector<proto::ProxyUrl>& first_hops,
                                std::string& reason);

}  // namespace neosocksd::ruleset
