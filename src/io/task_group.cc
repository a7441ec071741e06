// Tested by task_test.cc.

#include "io/task_group.h"

#include "base/log.h"

namespace neosocksd::io {

void TaskGroup::spawn(Task<void> task) {
    const auto handle = task.release();
    PromiseBase& promise = handle.promise();
    promise.scope = &scope_;
    promise.on_done = &TaskGroup::task_done;
    promise.owner = this;
    count_++;
    handle.resume();
}

void TaskGroup::task_done(void* self, std::coroutine_handle<> done,
                          const std::exception_ptr& error) {
    if (error) {
        // The last handler: a bug or lack of memory ends this task and no other.
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& exception) {
            LOG_ERROR("task ended by an exception: {}", exception.what());
        }
    }
    done.destroy();
    auto& group = *static_cast<TaskGroup*>(self);
    assert(group.count_ > 0);
    if (--group.count_ == 0 && group.waiter_) {
        const auto waiter = std::exchange(group.waiter_, nullptr);
        waiter.resume();
    }
}

}  // namespace neosocksd::io
