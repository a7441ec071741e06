// Whatever an upstream proxy answers, and in which segments, UpstreamMachine must come to the same
// end, must never leave a closed connection waiting, and must send no target that injects a line.
// Input: hop, seed of the segmentation, length of the target's name, name, then the proxy's bytes.

#include "proto/upstream.h"

#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

ProxyUrl hop_for(std::uint8_t bits) {
    ProxyUrl hop;
    hop.scheme = static_cast<ProxyUrl::Scheme>(bits % 3);
    hop.host = HostPort::named("hop", 1);
    if ((bits & 0x40) != 0) hop.username = "joe";
    if ((bits & 0xc0) == 0xc0) hop.password = "secret";
    return hop;
}

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++n;
    return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const ProxyUrl hop = hop_for(input.take_octet());
    const std::uint8_t seed = input.take_octet();
    const HostPort target = HostPort::named(std::string(input.take(input.take_octet())), 443);

    UpstreamMachine whole(hop, target);
    UpstreamMachine pieces(hop, target);
    require(whole.start() == pieces.start());
    if (whole.start() == UpstreamNext::failed) {
        require(whole.output().empty());
    } else if (hop.scheme == ProxyUrl::Scheme::http) {
        require(count(whole.output(), "\n") == (hop.username ? 4u : 3u));
        require(whole.output().ends_with("\r\n\r\n"));
    }

    whole.feed(input.rest());
    fuzz::cut(input.rest(), seed, [&](std::string_view piece) { pieces.feed(piece); });
    const UpstreamNext next = whole.closed();
    require(next != UpstreamNext::need_bytes);
    require(pieces.closed() == next);
    require(pieces.output() == whole.output());
    require(pieces.reply() == whole.reply());
    require(pieces.failure() == whole.failure());
    require(pieces.surplus() == whole.surplus());
    require(input.rest().ends_with(whole.surplus()));
    require((next == UpstreamNext::failed) == (whole.reply() != Reply::succeeded));
    require((next == UpstreamNext::failed) != whole.failure().empty());
    return 0;
}
