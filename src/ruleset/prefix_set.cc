// Tested by prefix_set_test.cc.

#include "ruleset/prefix_set.h"

#include <algorithm>
#include <utility>

#include "ruleset/sorted_search.h"

namespace neosocksd::ruleset {
namespace {

// Whether the first `length` bits are the same. A shift by all bits of a type is not defined.
template <typename Key>
bool same_prefix(Key a, Key b, unsigned length) {
    return length == 0 || static_cast<Key>(a ^ b) >> (sizeof(Key) * 8 - length) == 0;
}

}  // namespace

template <typename Key>
void PrefixList<Key>::add(Key start, unsigned length) {
    items_.push_back({start, static_cast<std::uint8_t>(length)});
}

template <typename Key>
void PrefixList<Key>::seal() {
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
        return a.start != b.start ? a.start < b.start : a.length < b.length;
    });
    std::size_t kept = 0;  // of items_, at the front
    for (const Item& item : items_) {
        if (kept > 0) {
            const Item& last = items_[kept - 1];
            if (same_prefix(last.start, item.start, last.length)) continue;
        }
        items_[kept++] = item;
        while (kept > 1) {
            const Item& right = items_[kept - 1];
            Item& left = items_[kept - 2];
            if (left.length != right.length ||
                !same_prefix(left.start, right.start, right.length - 1u))
                break;
            left.length--;
            kept--;
        }
    }
    starts_.reserve(kept);
    lengths_.reserve(kept);
    samples_.reserve((kept + kStride - 1) / kStride);
    for (std::size_t i = 0; i < kept; i++) {
        if (i % kStride == 0) samples_.push_back(items_[i].start);
        starts_.push_back(items_[i].start);
        lengths_.push_back(items_[i].length);
    }
    std::vector<Item>().swap(items_);  // assigning {} would keep the memory
}

template <typename Key>
bool PrefixList<Key>::contains(Key address) const {
    const std::size_t sample = count_up_to(samples_.data(), samples_.size(), address);
    if (sample == 0) return false;
    const std::size_t first = (sample - 1) * kStride;
    const std::size_t count = std::min(kStride, starts_.size() - first);
    const std::size_t last = first + count_up_to(&starts_[first], count, address) - 1;
    return same_prefix(starts_[last], address, lengths_[last]);
}

template <typename Key>
std::size_t PrefixList<Key>::bytes() const {
    return (samples_.capacity() + starts_.capacity()) * sizeof(Key) + lengths_.capacity();
}

template class PrefixList<std::uint32_t>;
template class PrefixList<std::uint64_t>;
template class PrefixList<Uint128>;

void PrefixSet6::add(std::uint64_t high, std::uint64_t low, unsigned length) {
    if (length <= 64)
        short_.add(high, length);
    else
        long_.add(Uint128{high} << 64 | low, length);
}

void PrefixSet6::seal() {
    short_.seal();
    long_.seal();
}

bool PrefixSet6::contains(std::uint64_t high, std::uint64_t low) const {
    return short_.contains(high) ||
           (long_.size() != 0 && long_.contains(Uint128{high} << 64 | low));
}

}  // namespace neosocksd::ruleset
