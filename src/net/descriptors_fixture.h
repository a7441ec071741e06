// The number of open descriptors, for tests that prove that none has leaked.

#pragma once

#include <cstddef>
#include <filesystem>

namespace neosocksd::net {

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        static_cast<void>(entry);
        count++;
    }
    return count - 1;  // the one that reads the directory
}

}  // namespace neosocksd::net
