// An address that is accepted means the same again after it was printed, and survives the journey
// through a sockaddr.

#include "base/address.h"

#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    const std::string_view text = input.rest();
    if (const auto ip = IpAddress::parse(text)) {
        require(IpAddress::parse(ip->to_string()) == ip);
        const Endpoint endpoint{*ip, 1};
        sockaddr_storage storage;
        require(endpoint.to_sockaddr(storage) <= sizeof storage);
        require(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)) == endpoint);
    }
    std::string reason;
    const auto address = HostPort::parse(text, &reason);
    require(address.has_value() == reason.empty());
    if (!address) return 0;
    require(text.size() <= limits::kAddressBytes);
    require(address->name.size() <= limits::kHostBytes);
    // "[[x]]:1" loses one pair of brackets at each turn.
    if (address->name.starts_with('[') && address->name.ends_with(']')) return 0;
    require(HostPort::parse(address->to_string()) == address);
    return 0;
}
