// Tested by unix_address_test.cc.

#include "base/unix_address.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <sys/un.h>

#include "base/limits.h"

namespace neosocksd {
namespace {

constexpr std::string_view kPrefix = "unix:";

}  // namespace

bool UnixAddress::recognises(std::string_view text) {
    if (!text.starts_with(kPrefix)) return false;
    const std::string_view name = text.substr(kPrefix.size());
    return name.empty() || name.find_first_not_of("0123456789") != name.npos;
}

std::optional<UnixAddress> UnixAddress::parse(std::string_view text, std::string* reason) {
    const auto fail = [&](std::string why) -> std::optional<UnixAddress> {
        if (reason) *reason = std::move(why) + ": `" + std::string(text) + "'";
        return std::nullopt;
    };
    if (!recognises(text)) return fail("invalid address");
    std::string_view name = text.substr(kPrefix.size());
    if (name.find_first_of("/.@") != 0)
        return fail("a Unix socket is unix:/PATH, unix:./PATH or unix:@NAME");
    const bool abstract = name.front() == '@';
    if (abstract) name.remove_prefix(1);
    if (name.empty()) return fail("the name of a Unix socket is empty");
    if (name.find('\0') != name.npos) return fail("invalid address");
    if (name.size() > limits::kUnixPathBytes)
        return fail("the path of a Unix socket is longer than " +
                    std::to_string(limits::kUnixPathBytes) + " bytes");
    return UnixAddress{std::string(name), abstract};
}

socklen_t UnixAddress::to_sockaddr(sockaddr_storage& storage) const {
    static_assert(limits::kUnixPathBytes == sizeof(sockaddr_un::sun_path) - 1);
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    // An abstract name begins with a NUL and ends where the length says; a path ends with a NUL.
    const std::size_t size = std::min(path.size(), limits::kUnixPathBytes);
    std::memcpy(un.sun_path + (abstract ? 1 : 0), path.data(), size);
    std::memset(&storage, 0, sizeof storage);
    std::memcpy(&storage, &un, sizeof un);
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size + 1);
}

std::string UnixAddress::to_string() const {
    return std::string(kPrefix) + (abstract ? "@" : "") + path;
}

}  // namespace neosocksd
