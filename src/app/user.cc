// Tested by user_test.cc and tests/e2e/test_user.py.

#include "app/user.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd::app {
namespace {

using Refused = std::unexpected<std::string>;

// All digits. (uid_t)-1 is no user: the system calls take it for "leave it".
std::optional<std::uint32_t> number(const std::string& text) {
    const auto value = parse_whole<std::uint32_t>(text);
    return value == std::numeric_limits<std::uint32_t>::max() ? std::nullopt : value;
}

// Calls one of the getXXX_r functions with a buffer that is large enough.
template <typename Entry, typename Call>
std::expected<std::optional<Entry>, int> look_up(const Call& call) {
    std::vector<char> buffer(1024);
    for (;;) {
        Entry entry;
        Entry* found = nullptr;
        const int error = call(&entry, buffer.data(), buffer.size(), &found);
        if (error == ERANGE && buffer.size() < (1u << 20)) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        // What "not there" looks like differs between name services.
        if (!found && error != 0 && error != ENOENT && error != ESRCH && error != EBADF &&
            error != EPERM)
            return std::unexpected(error);
        if (!found) return std::optional<Entry>();
        return std::optional<Entry>(entry);  // its texts are gone: only numbers are read
    }
}

std::expected<passwd, std::string> user_named(const std::string& name) {
    const auto found =
        look_up<passwd>([&](passwd* entry, char* buffer, std::size_t size, passwd** result) {
            return ::getpwnam_r(name.c_str(), entry, buffer, size, result);
        });
    if (!found) return Refused(fmt::format("passwd: {}", std::strerror(found.error())));
    if (!*found) return Refused(fmt::format("passwd: name `{}' does not exist", name));
    return **found;
}

std::expected<passwd, std::string> user_numbered(uid_t id) {
    const auto found =
        look_up<passwd>([&](passwd* entry, char* buffer, std::size_t size, passwd** result) {
            return ::getpwuid_r(id, entry, buffer, size, result);
        });
    if (!found) return Refused(fmt::format("passwd: {}", std::strerror(found.error())));
    if (!*found) return Refused(fmt::format("passwd: user `{}' does not exist", id));
    return **found;
}

std::expected<gid_t, std::string> group_named(const std::string& name) {
    const auto found =
        look_up<group>([&](group* entry, char* buffer, std::size_t size, group** result) {
            return ::getgrnam_r(name.c_str(), entry, buffer, size, result);
        });
    if (!found) return Refused(fmt::format("group: {}", std::strerror(found.error())));
    if (!*found) return Refused(fmt::format("group: name `{}' does not exist", name));
    return (*found)->gr_gid;
}

Refused system_error(const char* operation, int code) {
    return Refused(fmt::format("{}: {}", operation, std::strerror(code)));
}

}  // namespace

std::expected<Identity, std::string> resolve_identity(std::string_view ident) {
    if (ident.size() > limits::kUserIdentBytes) return Refused("");
    const std::size_t colon = ident.find(':');
    const std::string user(ident.substr(0, colon));
    const std::string group(colon == ident.npos ? "" : ident.substr(colon + 1));
    if (user.empty() && group.empty()) return Refused("");  // it would change nobody

    Identity identity;
    const bool wants_primary = colon != ident.npos && group.empty();
    if (!user.empty()) {
        identity.user = number(user);
        if (!identity.user || wants_primary) {
            const auto entry = identity.user ? user_numbered(*identity.user) : user_named(user);
            if (!entry) return Refused(entry.error());
            identity.user = entry->pw_uid;
            if (wants_primary) identity.group = entry->pw_gid;
        }
    }
    if (!group.empty()) {
        identity.group = number(group);
        if (!identity.group) {
            const auto id = group_named(group);
            if (!id) return Refused(id.error());
            identity.group = *id;
        }
    }
    return identity;
}

std::expected<void, std::string> become(const Identity& identity, CapabilityMask keep) {
    // Capabilities must outlive the change of user, if only to be dropped one by one after it.
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return system_error("PR_SET_KEEPCAPS", errno);
    // Nobody without privileges may clear the groups; who has none need not.
    if (::setgroups(0, nullptr) != 0 && ::getgroups(0, nullptr) != 0)
        return system_error("setgroups", errno);
    if (identity.group) {
        const gid_t id = *identity.group;
        if (::setresgid(id, id, id) != 0) return system_error("setgid", errno);
    }
    if (identity.user) {
        const uid_t id = *identity.user;
        if (::setresuid(id, id, id) != 0) return system_error("setuid", errno);
    }
    if (const int error = drop_capabilities(keep); error != 0)
        return system_error("capset", -error);
    if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return system_error("PR_SET_KEEPCAPS", errno);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("PR_SET_NO_NEW_PRIVS", errno);
    return {};
}

}  // namespace neosocksd::app
