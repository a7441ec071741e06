// The io_uring engine as it is, compiled once more with faults between it and liburing.
//
// It takes the place of src/io/uring_engine.cc in the fault build, so that the engine itself has
// no hook. What liburing defines inline cannot be wrapped by the linker.

#include <liburing.h>

#include "tests/faults/uring_hooks.h"

#define FAULT_FRAME static_cast<void**>(__builtin_frame_address(0))
#define io_uring_sqe_set_data(sqe, op) neosocksd::faults::submitted(sqe, op, FAULT_FRAME)
#define io_uring_get_sqe(ring) neosocksd::faults::get_sqe(ring, FAULT_FRAME)
#define io_uring_submit_and_get_events(ring) \
    neosocksd::faults::submit(ring, false, nullptr, FAULT_FRAME)
#define io_uring_submit_and_wait(ring, count) \
    neosocksd::faults::submit(ring, true, nullptr, FAULT_FRAME)
#define io_uring_submit_and_wait_timeout(ring, first, count, timeout, mask) \
    ((void)(first), neosocksd::faults::submit(ring, true, timeout, FAULT_FRAME))
#define io_uring_peek_batch_cqe(ring, all, room) neosocksd::faults::peek(ring, all, room)
#define io_uring_cq_advance(ring, count) neosocksd::faults::advance(ring, count)

#include "io/uring_engine.cc"
