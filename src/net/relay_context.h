// What all relays of one loop share.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/limits.h"
#include "io/loop.h"
#include "net/pipe_pool.h"

namespace neosocksd::net {

enum class RelayMode : std::uint8_t {
    adaptive,  // copy small messages, splice when a direction is busy
    splice,    // --pipe: splice from the start
    copy,      // --no-pipe
};

class RelayContext {
public:
    RelayContext(io::Loop& loop, RelayMode mode, std::size_t pipe_limit)
        : loop(loop), mode(mode), pipes(pipe_limit) {}

    // For copying in bulk; made when first needed.
    std::byte* scratch() {
        if (!scratch_) scratch_ = std::make_unique_for_overwrite<std::byte[]>(kScratchBytes);
        return scratch_.get();
    }
    static constexpr std::size_t kScratchBytes = limits::kRelayPendingBytes;

    io::Loop& loop;
    const RelayMode mode;
    PipePool pipes;

    // Written by this loop only, read by others.
    std::atomic<std::uint64_t> up_bytes{0};    // client to target
    std::atomic<std::uint64_t> down_bytes{0};  // target to client
    std::atomic<int> bulk_relays{0};           // relays with a busy direction

private:
    std::unique_ptr<std::byte[]> scratch_;
};

}  // namespace neosocksd::net
