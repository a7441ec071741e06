// What both backends share.

#include "io/engine.h"

#include <cerrno>

namespace neosocksd::io {

void DeferQueue::push(Op& op, int result) {
    op.deferred_result_ = result;
    op.pending_ = true;
    queue_.push_back(op);
}

void DeferQueue::run() {
    // What the handlers queue anew waits for the next turn, or one busy session would hold the
    // loop. The batch is a list, so that an operation may leave it from a handler.
    List<Op> batch;
    batch.splice_back(queue_);
    while (!batch.empty()) {
        Op& op = batch.pop_front();
        op.complete(op.deferred_result_);
    }
}

bool is_lost_connection(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:  // a firewall rule
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return true;
    default: return false;
    }
}

}  // namespace neosocksd::io
