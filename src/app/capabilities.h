// Linux capabilities of this thread, by the system calls themselves.
//
// Capabilities belong to threads: all of this must happen before others are started, which then
// inherit what is left.

#pragma once

#include <cstdint>

namespace neosocksd::app {

// One bit for each capability, as linux/capability.h numbers them.
using CapabilityMask = std::uint64_t;

constexpr CapabilityMask capability(int number) {
    return CapabilityMask{1} << number;
}

CapabilityMask permitted_capabilities();

// Gives up all capabilities but `keep`, from every set: permitted and effective become `keep` (of
// what is there), inheritable and ambient become empty, and so does the bounding set as far as we
// may change it. Returns 0 or -errno.
int drop_capabilities(CapabilityMask keep);

// Which capability lets this thread set SO_MARK: CAP_NET_RAW, or CAP_NET_ADMIN before Linux 5.17.
// Empty if it may not. The lesser one is tried first, alone.
CapabilityMask capability_to_mark();

}  // namespace neosocksd::app
