// RpcResponse must come to the same result from any segmentation, and to one at the end of the
// stream in any case. Input: seed of the segmentation, then the bytes.

#include <cstdint>
#include <string>

#include "api/rpc_response.h"
#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::api;
using fuzz::require;
using Next = RpcResponse::Next;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.take_octet();
    const std::string_view bytes = input.rest();

    RpcResponse whole;
    const bool decided = whole.feed(bytes) == Next::done;
    RpcResponse pieces;
    auto next = Next::need_bytes;
    fuzz::cut(bytes, seed, [&](std::string_view piece) {
        if (next == Next::need_bytes) next = pieces.feed(piece);
    });
    require((next == Next::done) == decided);
    require(whole.end_of_stream() == Next::done);
    require(pieces.end_of_stream() == Next::done);
    require(whole.result() == pieces.result());
    if (whole.result()) {
        require(whole.result()->size() <= limits::kInflatedBytes);
    } else {
        require(!whole.result().error().empty());
        require(whole.result().error().size() <= limits::kApiBodyBytes);
    }
    return 0;
}
