// Memory for coroutine frames: free lists by size, one set a thread.
//
// A session's frames come and go at the rate of connections; their sizes are few. Frames never
// move between threads.

#pragma once

#include <cstddef>

namespace neosocksd::io {

class FramePool {
public:
    static void* allocate(std::size_t bytes);
    static void release(void* frame, std::size_t bytes) noexcept;
};

}  // namespace neosocksd::io
