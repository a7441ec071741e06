// An immutable sorted list of host names (as keys, name_key.h) that is searched in memory as it is
// stored: front coded. Names stand in blocks of kBlock; the first of a block is complete, each of
// the others says how many symbols it shares with the one before, and has the rest, of six bits
// each. One integer a block, the start of its first name, is what the binary search looks at.
//
// The list is exact, unlike a table of hashes, in which a client that chooses names could look for
// one that collides. Figures are in domain_set.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ruleset/name_key.h"

namespace neosocksd::ruleset {

class NameList {
public:
    // The last name that is not greater than the one asked for.
    struct Predecessor {
        std::size_t size = 0;    // its length
        std::size_t common = 0;  // how many symbols of it also begin the name asked for
        bool found = false;
    };

    // Collects names in any order; `build` sorts them and drops what occurs twice.
    class Builder {
    public:
        // False if the list is full (limits::kSetTextBytes). A key has at most kHostBytes symbols.
        bool add(Symbols key);
        // Drops names below another one of the list as well if `parents_cover` is set, and in any
        // case those for which `drop(context, key)` is true. The builder is empty afterwards.
        using Drop = bool (*)(const void* context, Symbols key);
        NameList build(bool parents_cover, Drop drop = nullptr, const void* context = nullptr);

    private:
        struct Item {
            std::uint64_t start;
            std::uint32_t offset;  // of the length octet in text_
        };

        Symbols key(const Item& item) const {
            return {&text_[item.offset] + 1, text_[item.offset]};
        }

        std::vector<std::uint8_t> text_;
        std::vector<Item> items_;
    };

    std::size_t size() const { return size_; }
    std::size_t bytes() const;
    Predecessor find(Symbols key) const;

private:
    // Half as many cost 0.55 bytes a name more, and are not faster: the array that the binary
    // search looks at would be twice as large.
    static constexpr std::size_t kBlock = 32;

    void append(Symbols key, Symbols previous);
    void append_packed(Symbols symbols);
    void seal();
    PackedSymbols head(std::size_t block) const;
    std::size_t block_of(Symbols key) const;

    std::vector<std::uint64_t> starts_;   // of the first name of each block
    std::vector<std::uint32_t> offsets_;  // of each block in data_, and the end
    std::vector<std::uint8_t> data_;      // and one octet more, for PackedSymbols
    std::size_t size_ = 0;
};

// True if `name` is `parent` or below it.
bool is_below(Symbols name, Symbols parent);

}  // namespace neosocksd::ruleset
