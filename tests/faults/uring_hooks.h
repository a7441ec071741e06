// Faults of io_uring: what stands between the engine and liburing's inline functions.
//
// An operation that is to fail is submitted as a no-operation under the same name, and its
// completion gets the error: nothing is left armed in the kernel. Short ones are submitted short.
// A late completion is held back for some milliseconds, and with it all later ones of the same
// operation; whatever else happens meanwhile is delivered first.

#pragma once

#include <liburing.h>

namespace neosocksd::faults {

void submitted(io_uring_sqe* sqe, void* op, void** frame);
io_uring_sqe* get_sqe(io_uring* ring, void** frame);
// Submit and wait: negative is -errno, of the submission.
int submit(io_uring* ring, bool wait, __kernel_timespec* timeout, void** frame);
unsigned peek(io_uring* ring, io_uring_cqe** completions, unsigned room);
void advance(io_uring* ring, unsigned count);

}  // namespace neosocksd::faults
