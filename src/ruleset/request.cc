// Tested by request_test.cc.

#include "ruleset/request.h"

#include "base/address.h"
#include "base/number.h"

namespace neosocksd::ruleset {

const char* callback_name(Request::Kind kind) {
    switch (kind) {
    case Request::Kind::route: return "route";
    case Request::Kind::route6: return "route6";
    case Request::Kind::resolve: break;
    }
    return "resolve";
}

bool set_client(Request& request, std::string_view client) {
    constexpr std::string_view kUnix = "unix:uid=";
    if (client.starts_with(kUnix)) {
        client.remove_prefix(kUnix.size());
        const auto uid = parse_whole<std::uint32_t>(client);
        if (!uid) return false;
        request.client.clear();
        request.user_id = uid;
        return true;
    }
    Endpoint endpoint;
    if (const auto ip = IpAddress::parse(client)) {
        endpoint.ip = *ip;
    } else {
        const auto parsed = HostPort::parse(client);
        if (!parsed || !parsed->ip) return false;
        endpoint = {*parsed->ip, parsed->port};
    }
    request.client = endpoint.to_string();
    request.user_id.reset();
    return true;
}

}  // namespace neosocksd::ruleset
