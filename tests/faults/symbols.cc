// Tested by tests/faults/test_walk.py: sites have names.

#include "tests/faults/symbols.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __real_close(int fd);
extern "C" int __real_fstat(int fd, struct stat* status);

namespace neosocksd::faults {
namespace {

constexpr std::string_view kPlumbing[] = {
    "_ZN9neosocksd2io",
    "_ZNK9neosocksd2io",
    "_ZThn",
    "_ZN9neosocksd6faults",
    "_ZNSt",
    "_ZNKSt",
    "_ZSt",
    "_ZN9__gnu_cxx",
    "__wrap_",
};

struct Function {
    std::uint64_t start;
    std::uint64_t end;
    bool plumbing;
};

bool is_plumbing(std::string_view name) {
    return std::ranges::any_of(kPlumbing,
                               [&](std::string_view prefix) { return name.starts_with(prefix); });
}

class Program {
public:
    Program() {
        dl_iterate_phdr(
            [](dl_phdr_info* info, std::size_t, void* self) {
                static_cast<Program*>(self)->take(*info);
                return 1;  // the first is the program
            },
            this);
        read_symbols();
    }

    CodePlace place_of(std::uintptr_t address) const {
        if (address < low_ || address >= high_) return {};
        const std::uint64_t offset = address - base_;
        auto found = std::ranges::upper_bound(functions_, offset, {}, &Function::start);
        const bool known = found != functions_.begin() && offset < (--found)->end;
        return {true, known && found->plumbing, offset};
    }

private:
    void take(const dl_phdr_info& info) {
        base_ = info.dlpi_addr;
        for (int i = 0; i < info.dlpi_phnum; i++) {
            const auto& part = info.dlpi_phdr[i];
            if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
            low_ = std::min<std::uintptr_t>(low_, base_ + part.p_vaddr);
            high_ = std::max<std::uintptr_t>(high_, base_ + part.p_vaddr + part.p_memsz);
        }
    }

    void read_symbols() {
        const int fd = __real_open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        struct stat status{};
        if (fd < 0 || __real_fstat(fd, &status) != 0) std::abort();
        const auto size = static_cast<std::size_t>(status.st_size);
        void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
        __real_close(fd);
        if (at == MAP_FAILED) std::abort();
        const auto* image = static_cast<const char*>(at);
        const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(image);
        const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + header.e_shoff);
        for (unsigned i = 0; i < header.e_shnum; i++)
            if (sections[i].sh_type == SHT_SYMTAB)
                take_symbols(image, sections[i], sections[sections[i].sh_link]);
        ::munmap(at, size);
        std::ranges::sort(functions_, {}, &Function::start);
    }

    void take_symbols(const char* image, const ElfW(Shdr) & table, const ElfW(Shdr) & strings) {
        const auto* symbol = reinterpret_cast<const ElfW(Sym)*>(image + table.sh_offset);
        for (std::size_t n = table.sh_size / sizeof *symbol; n > 0; n--, symbol++) {
            if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0) continue;
            functions_.push_back({symbol->st_value, symbol->st_value + symbol->st_size,
                                  is_plumbing(image + strings.sh_offset + symbol->st_name)});
        }
    }

    std::uintptr_t base_ = 0;
    std::uintptr_t low_ = UINTPTR_MAX;
    std::uintptr_t high_ = 0;
    std::vector<Function> functions_;
};

}  // namespace

CodePlace place_of(std::uintptr_t address) {
    static const Program program;
    return program.place_of(address);
}

}  // namespace neosocksd::faults
