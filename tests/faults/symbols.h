// Whose code an address of the program is: read once from its own symbol table.

#pragma once

#include <cstdint>

namespace neosocksd::faults {

struct CodePlace {
    bool ours = false;         // in the program itself, not in a library
    bool plumbing = false;     // src/io, the standard library, this injector
    std::uint64_t offset = 0;  // as the symbolizer wants it
};

CodePlace place_of(std::uintptr_t address);

}  // namespace neosocksd::faults
