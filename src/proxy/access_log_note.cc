// Tested by access_log_note_test.cc.

#include "proxy/access_log_note.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace neosocksd::proxy {
namespace {

static_assert(std::is_trivially_copyable_v<AccessFacts>);

constexpr std::string_view AccessTexts::* kTexts[] = {&AccessTexts::target, &AccessTexts::method,
                                                      &AccessTexts::path};
using Sizes = std::array<std::uint16_t, std::size(kTexts)>;
constexpr std::size_t kHeadBytes = sizeof(AccessFacts) + sizeof(Sizes);

// No request is longer.
std::string_view fitting(std::string_view text) {
    return text.substr(0, UINT16_MAX);
}

}  // namespace

AccessNote::AccessNote(const AccessFacts& facts, const AccessTexts& texts) {
    Sizes sizes;
    std::size_t total = kHeadBytes;
    for (std::size_t i = 0; i < sizes.size(); i++) {
        sizes[i] = static_cast<std::uint16_t>(fitting(texts.*kTexts[i]).size());
        total += sizes[i];
    }
    bytes_ = std::make_unique_for_overwrite<char[]>(total);
    char* out = bytes_.get();
    std::memcpy(out, &facts, sizeof facts);
    std::memcpy(out + sizeof facts, sizes.data(), sizeof sizes);
    out += kHeadBytes;
    for (std::size_t i = 0; i < sizes.size(); i++)
        out = std::copy_n((texts.*kTexts[i]).data(), sizes[i], out);
}

AccessFacts AccessNote::facts() const {
    AccessFacts facts;
    std::memcpy(&facts, bytes_.get(), sizeof facts);
    return facts;
}

AccessTexts AccessNote::texts() const {
    Sizes sizes;
    std::memcpy(sizes.data(), bytes_.get() + sizeof(AccessFacts), sizeof sizes);
    AccessTexts texts;
    const char* at = bytes_.get() + kHeadBytes;
    for (std::size_t i = 0; i < sizes.size(); i++) {
        texts.*kTexts[i] = {at, sizes[i]};
        at += sizes[i];
    }
    return texts;
}

}  // namespace neosocksd::proxy
