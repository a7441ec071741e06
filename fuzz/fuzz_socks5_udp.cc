// Datagrams of a SOCKS5 association: a header is read or refused, never misread, and whatever
// fragments come, a reassembled datagram is made of exactly the fragments of one sequence.
// Input: datagrams, each behind the two octets of its length.

#include "proto/socks5_udp.h"

#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

void check_header(std::string_view datagram, const UdpHeader& header) {
    require(header.size <= datagram.size());
    require(header.target.port != 0);
    require(header.target.ip.has_value() != !header.target.name.empty());
    require(!has_unsafe_bytes(header.target.name));
    // Written again it is the same but for RSV and FRAG.
    const std::string again = udp_header(header.target);
    require(again.size() == header.size);
    require(datagram.substr(3, header.size - 3) == std::string_view(again).substr(3));
    const auto reread = parse_udp_header(again);
    require(reread && reread->target == header.target && reread->fragment == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    UdpReassembly reassembly;
    UdpReassembly::TimePoint now{};
    std::uint64_t fragments = 0, joined = 0;
    std::string expected;  // the longest run in order so far
    std::uint8_t run = 0;
    while (!input.rest().empty()) {
        const std::size_t high = input.take_octet();
        const std::string_view datagram = input.take(high << 8 | input.take_octet());
        const auto header = parse_udp_header(datagram);
        if (!header) continue;
        check_header(datagram, *header);
        if (header->fragment == 0) {
            reassembly.abandon();
            run = 0;
            continue;
        }
        fragments++;
        const std::string_view payload = datagram.substr(header->size);
        const std::uint8_t place = header->fragment & 0x7f;
        if (place == 1) expected.clear();
        run = place == 1 ? 1 : place == run + 1 ? place : 0;
        expected += payload;
        now += std::chrono::milliseconds(payload.size());
        if (!reassembly.add(*header, payload, now)) {
            if ((header->fragment & kLastFragment) != 0) run = 0;
            continue;
        }
        require(run == place && (header->fragment & kLastFragment) != 0);
        require(reassembly.payload() == expected);
        require(reassembly.payload().size() <= limits::kUdpPayloadBytes);
        require(reassembly.target() == header->target);
        joined += place;
        run = 0;
    }
    reassembly.abandon();
    require(reassembly.discarded() + joined == fragments);
    return 0;
}
