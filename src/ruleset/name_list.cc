// Tested by domain_set_test.cc.
//
// After its first name (length octet, packed symbols), a block has for each name an octet with two
// numbers of four bits: how many symbols it shares with the name before, how many follow. The
// number 15 says that an octet with the true one comes next.

#include "ruleset/name_list.h"

#include <algorithm>
#include <utility>

#include "ruleset/sorted_search.h"

namespace neosocksd::ruleset {
namespace {

constexpr std::uint8_t kLong = 15;

// The names after a block's first.
class BlockReader {
public:
    BlockReader(const std::uint8_t* begin, const std::uint8_t* end) : at_(begin), end_(end) {}

    std::size_t shared = 0;
    PackedSymbols rest;

    bool next() {
        if (at_ == end_) return false;
        const std::uint8_t octet = *at_++;
        shared = number(octet >> 4);
        const std::size_t size = number(octet & 15);
        rest = {at_, size};
        at_ = rest.end();
        return true;
    }

private:
    std::size_t number(std::uint8_t bits) { return bits == kLong ? *at_++ : bits; }

    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

}  // namespace

bool is_below(Symbols name, Symbols parent) {
    if (name_key::common_prefix(name, parent) != parent.size()) return false;
    return name.size() == parent.size() || name[parent.size()] == name_key::kDot;
}

bool NameList::Builder::add(Symbols key) {
    if (text_.size() + key.size() + 1 > limits::kSetTextBytes) return false;
    items_.push_back({name_key::start(key), static_cast<std::uint32_t>(text_.size())});
    text_.push_back(static_cast<std::uint8_t>(key.size()));
    text_.insert(text_.end(), key.begin(), key.end());
    return true;
}

NameList NameList::Builder::build(bool parents_cover, Drop drop, const void* context) {
    std::sort(items_.begin(), items_.end(), [this](const Item& a, const Item& b) {
        return a.start != b.start ? a.start < b.start : name_key::less(key(a), key(b));
    });
    NameList list;
    Symbols previous;
    for (const Item& item : items_) {
        const Symbols name = key(item);
        if (list.size_ != 0) {
            // Nothing but what is below the previous name stands between it and a name below it:
            // comparing with the one before, of those kept, is enough.
            if (parents_cover ? is_below(name, previous) : std::ranges::equal(name, previous))
                continue;
        }
        if (drop && drop(context, name)) continue;
        list.append(name, previous);
        previous = name;
    }
    list.seal();
    *this = {};
    return list;
}

void NameList::append(Symbols key, Symbols previous) {
    Symbols rest = key;
    if (size_ % kBlock == 0) {
        starts_.push_back(name_key::start(key));
        offsets_.push_back(static_cast<std::uint32_t>(data_.size()));
        data_.push_back(static_cast<std::uint8_t>(key.size()));
    } else {
        const std::size_t shared = name_key::common_prefix(key, previous);
        rest = key.subspan(shared);
        const auto clip = [](std::size_t n) { return std::min<std::size_t>(n, kLong); };
        data_.push_back(static_cast<std::uint8_t>(clip(shared) << 4 | clip(rest.size())));
        if (shared >= kLong) data_.push_back(static_cast<std::uint8_t>(shared));
        if (rest.size() >= kLong) data_.push_back(static_cast<std::uint8_t>(rest.size()));
    }
    append_packed(rest);
    size_++;
}

void NameList::append_packed(Symbols symbols) {
    unsigned bits = 0, count = 0;
    for (const std::uint8_t symbol : symbols) {
        bits = bits << 6 | symbol;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        data_.push_back(static_cast<std::uint8_t>(bits >> count));
    }
    if (count > 0) data_.push_back(static_cast<std::uint8_t>(bits << (8 - count)));
}

void NameList::seal() {
    offsets_.push_back(static_cast<std::uint32_t>(data_.size()));
    data_.push_back(0);
    starts_.shrink_to_fit();
    offsets_.shrink_to_fit();
    data_.shrink_to_fit();
}

std::size_t NameList::bytes() const {
    return starts_.capacity() * sizeof starts_[0] + offsets_.capacity() * sizeof offsets_[0] +
           data_.capacity();
}

PackedSymbols NameList::head(std::size_t block) const {
    const std::uint8_t* at = &data_[offsets_[block]];
    return {at + 1, *at};
}

// The last block whose first name is not greater; one past the last block if there is none.
std::size_t NameList::block_of(Symbols key) const {
    const std::uint64_t start = name_key::start(key);
    std::size_t last = count_up_to(starts_.data(), starts_.size(), start);
    std::size_t first = last;
    // Blocks that start alike are told apart by their complete first names.
    if (last > 0 && starts_[last - 1] == start) {
        const auto low = std::lower_bound(starts_.begin(), starts_.end(), start);
        first = static_cast<std::size_t>(low - starts_.begin());
    }
    while (first < last) {
        const std::size_t middle = first + (last - first) / 2;
        if (name_key::less(key, head(middle)))
            last = middle;
        else
            first = middle + 1;
    }
    return first == 0 ? starts_.size() : first - 1;
}

NameList::Predecessor NameList::find(Symbols key) const {
    const std::size_t block = block_of(key);
    if (block == starts_.size()) return {};
    const PackedSymbols first = head(block);
    Predecessor best{first.size(), name_key::common_prefix(first, key), true};
    BlockReader reader(first.end(), data_.data() + offsets_[block + 1]);
    // `best` is the name before the one read, and not greater than the key. How much each of the
    // two shares with it decides most names without looking at their symbols.
    while (reader.next()) {
        const std::size_t size = reader.shared + reader.rest.size();
        if (reader.shared < best.common) break;  // greater where `best` is still equal
        if (reader.shared == best.common) {
            const Symbols wanted = key.subspan(best.common);
            const std::size_t more = name_key::common_prefix(reader.rest, wanted);
            if (more < reader.rest.size() &&
                (more == wanted.size() || reader.rest[more] > wanted[more]))
                break;
            best.common += more;
        }
        best.size = size;
    }
    return best;
}

}  // namespace neosocksd::ruleset
