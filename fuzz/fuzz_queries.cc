// Short texts that clients of the API and operators write: queries of /sessions and of
// /ruleset/explain, subnets, addresses of Unix sockets, tokens. What is accepted means the same
// again after it was printed, and is within its bounds.

#include <string>

#include <sys/un.h>

#include "api/explain.h"
#include "api/request_target.h"
#include "api/sessions_query.h"
#include "api/tokens.h"
#include "base/cidr.h"
#include "base/unix_address.h"
#include "support.h"

using namespace neosocksd;
using fuzz::require;

namespace {

void check_queries(std::string_view text) {
    // A request with such bytes in its first line has been refused before.
    if (has_unsafe_bytes(text)) return;
    const auto query = api::Query::parse(text);
    if (!query) return;
    for (const auto& [key, value] : query->values())
        require(key.find('\0') == std::string::npos && value.find('\0') == std::string::npos);
    const auto sessions = api::parse_session_query(*query);
    if (!sessions) {
        require(sessions.error().ends_with('\n'));
    } else {
        proxy::SessionFacts facts;
        facts.target = "www.example.org:443";
        facts.client = {*IpAddress::parse("192.0.2.1"), 1};
        [[maybe_unused]] const bool matches = sessions->filter.matches(facts);
    }
    const auto explained = api::parse_explain_query(*query);
    require(explained || explained.error().ends_with('\n'));
}

void check_addresses(std::string_view text) {
    if (const auto subnet = Cidr::parse(text)) {
        require(subnet->bits <= (subnet->ip.is_v4() ? 32u : 128u));
        require(subnet->contains(subnet->ip));
    }
    if (const auto list = parse_cidr_list(text)) require(!list->empty());
    std::string reason;
    const auto address = UnixAddress::parse(text, &reason);
    require(address.has_value() == reason.empty() || !UnixAddress::recognises(text));
    if (!address) return;
    sockaddr_storage storage;
    require(address->to_sockaddr(storage) <= sizeof(sockaddr_un));
    require(UnixAddress::parse(address->to_string()) == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    const std::string_view text = input.rest();
    check_queries(text);
    check_addresses(text);
    if (const auto tokens = api::Tokens::parse(std::string(text)))
        require(!tokens->role_of("Bearer ") && !tokens->role_of(""));
    return 0;
}
