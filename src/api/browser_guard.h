// Refuses what a browser sends on behalf of another site. The API runs code, and listens where any
// page that the operator's browser shows can send requests to.
//
//   Sec-Fetch-Site  says that a request comes from another site
//   Origin          is that of another host
//   Host            is a name that we do not know: somebody's own name, which was made to resolve
//                   to our address after his page was loaded (DNS rebinding)
//
// A client that is no browser sends none of the first two, and as Host an address, a name that the
// operator has listed, or nothing: RPC peers. The names of the RPC convention, which end in
// ".neosocksd.internal", can not belong to anybody.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http_request.h"

namespace neosocksd::api {

class BrowserGuard {
public:
    // `listen_address` as --api has it, `names` as --api-host. On a Unix socket any Host will do:
    // no browser gets there.
    BrowserGuard(std::string_view listen_address, const std::vector<std::string>& names,
                 bool unix_socket);

    // Why the request is refused, or nullptr.
    const char* refusal(const HttpRequest& request) const;

private:
    bool knows(std::string_view host) const;

    std::vector<std::string> names_;  // in lower case
    bool unix_;
};

}  // namespace neosocksd::api
