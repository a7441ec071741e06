// What the Lua state has allocated: bytes and blocks.

#pragma once

#include <cstddef>
#include <cstdlib>

namespace neosocksd::ruleset {

struct MemoryAccount {
    std::size_t bytes = 0;
    std::size_t objects = 0;

    // A lua_Alloc; `account` is a MemoryAccount. For a new block Lua passes the kind of the object
    // as old size.
    static void* allocate(void* account, void* block, std::size_t old_size, std::size_t new_size) {
        auto& self = *static_cast<MemoryAccount*>(account);
        if (!block) old_size = 0;
        if (new_size == 0) {
            std::free(block);
            self.bytes -= old_size;
            if (block) self.objects--;
            return nullptr;
        }
        void* moved = std::realloc(block, new_size);
        if (!moved) return nullptr;
        self.bytes += new_size - old_size;
        if (!block) self.objects++;
        return moved;
    }
};

}  // namespace neosocksd::ruleset
