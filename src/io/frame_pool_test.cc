// Frames are reused by size, up to a bound, and every thread has its own.

#include "io/frame_pool.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::io {
namespace {

TEST(FramePoolTest, hands_out_again_what_came_back_of_that_size) {
    void* first = FramePool::allocate(200);
    std::memset(first, 0xaa, 200);
    FramePool::release(first, 200);
    void* second = FramePool::allocate(240);  // the same step of sizes
    EXPECT_EQ(first, second);
    void* other = FramePool::allocate(300);
    EXPECT_NE(second, other);
    FramePool::release(second, 240);
    FramePool::release(other, 300);
}

TEST(FramePoolTest, frames_in_use_do_not_overlap_and_are_aligned) {
    std::vector<std::pair<char*, std::size_t>> frames;
    for (std::size_t size = 1; size <= limits::kFrameBytesPooled + 200; size += 37) {
        auto* frame = static_cast<char*>(FramePool::allocate(size));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0U);
        std::memset(frame, static_cast<int>(size % 251), size);
        frames.emplace_back(frame, size);
    }
    for (const auto& [frame, size] : frames) {
        for (std::size_t i = 0; i < size; i++)
            ASSERT_EQ(static_cast<unsigned char>(frame[i]), size % 251);
        FramePool::release(frame, size);
    }
}

TEST(FramePoolTest, takes_back_more_than_it_keeps) {
    std::vector<void*> frames;
    for (std::size_t i = 0; i < limits::kFramesPooled * 2; i++)
        frames.push_back(FramePool::allocate(1000));
    EXPECT_EQ(std::set<void*>(frames.begin(), frames.end()).size(), frames.size());
    for (void* frame : frames) FramePool::release(frame, 1000);
    std::set<void*> again;
    for (std::size_t i = 0; i < limits::kFramesPooled * 2; i++)
        again.insert(FramePool::allocate(1000));
    EXPECT_EQ(again.size(), frames.size());
    for (void* frame : again) FramePool::release(frame, 1000);
}

TEST(FramePoolTest, threads_do_not_share_frames) {
    void* mine = FramePool::allocate(500);
    FramePool::release(mine, 500);
    std::thread other([&] {
        void* theirs = FramePool::allocate(500);
        EXPECT_NE(theirs, mine);
        FramePool::release(theirs, 500);
    });
    other.join();
    EXPECT_EQ(FramePool::allocate(500), mine);
    FramePool::release(mine, 500);
}

}  // namespace
}  // namespace neosocksd::io
