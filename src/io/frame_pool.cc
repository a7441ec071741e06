// Free lists of coroutine frames, one set a thread; thread-local, so that nothing is locked.

#include "io/frame_pool.h"

#include <array>
#include <new>

#include "base/limits.h"

namespace neosocksd::io {
namespace {

constexpr std::size_t kStep = 64;

struct Free {
    Free* next;
};

struct Lists {
    std::array<Free*, limits::kFrameBytesPooled / kStep> heads{};
    std::array<std::size_t, limits::kFrameBytesPooled / kStep> counts{};
    ~Lists() {
        for (Free* head : heads)
            while (head) {
                Free* next = head->next;
                ::operator delete(head);
                head = next;
            }
    }
};

thread_local Lists t_lists;

}  // namespace

void* FramePool::allocate(std::size_t bytes) {
    const std::size_t index = (bytes - 1) / kStep;
    if (index >= t_lists.heads.size()) return ::operator new(bytes);
    Free*& head = t_lists.heads[index];
    if (!head) return ::operator new((index + 1) * kStep);
    Free* frame = head;
    head = frame->next;
    t_lists.counts[index]--;
    return frame;
}

void FramePool::release(void* frame, std::size_t bytes) noexcept {
    const std::size_t index = (bytes - 1) / kStep;
    if (index >= t_lists.heads.size() || t_lists.counts[index] >= limits::kFramesPooled) {
        ::operator delete(frame);
        return;
    }
    auto* entry = static_cast<Free*>(frame);
    entry->next = t_lists.heads[index];
    t_lists.heads[index] = entry;
    t_lists.counts[index]++;
}

}  // namespace neosocksd::io
