// An io_uring that performs what our engine asks of one, and nothing else.
//
// What an operation of a ring does is no system call, so no filter of those sees it (--sandbox):
// whoever has taken the process over could open files and make sockets through a ring that the
// filter forbids. So each ring is told before its first use which operations it is for, and for
// good: receiving, sending, connecting, accepting, waiting and cancelling.

#pragma once

#include <liburing.h>

namespace neosocksd::io {

// A ring for the calling thread, with room for limits::kUringEntries. 0 or -errno. The caller ends
// it by io_uring_queue_exit().
int open_ring(io_uring& ring);

}  // namespace neosocksd::io
