// The PROXY header reader: whatever is cut off, the answer is "more" until it is final; a final
// answer does not change with what follows.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/limits.h"
#include "proto/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace neosocksd;
    using Next = proto::ProxyHeaderStep::Next;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = proto::read_proxy_header(bytes);
    if (whole.next == Next::need_bytes && size >= limits::kProxyHeaderBytes) std::abort();
    if (whole.next == Next::done && whole.consumed > size) std::abort();
    bool decided = false;
    for (std::size_t cut = 0; cut <= size; cut++) {
        const auto step = proto::read_proxy_header(bytes.substr(0, cut));
        if (step.next == Next::need_bytes) {
            if (decided) std::abort();
            continue;
        }
        decided = true;
        if (step.next != whole.next || step.consumed != whole.consumed ||
            step.header != whole.header)
            std::abort();
    }
    if (whole.next == Next::done && whole.header.source && whole.header.destination) {
        const auto& [source, destination] = whole.header;
        for (const auto& header : {proto::proxy_header_v1(*source, *destination),
                                   proto::proxy_header_v2(*source, *destination)})
            if (proto::read_proxy_header(header).header != whole.header) std::abort();
    }
    return 0;
}
