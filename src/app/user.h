// -u: who the process is to be, and becoming that (spec/cli.md section 7).
//
//   user         that user; the group stays
//   user:        that user, and the user's primary group
//   user:group   both
//   :group       the group; the user stays
//
// Both by name or number. Becoming somebody also clears the supplementary groups, gives up all
// capabilities but those asked for, and sees to it that no program started from here regains any
// (PR_SET_NO_NEW_PRIVS). It is for the whole process, and must happen before threads start.

#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "app/capabilities.h"

namespace neosocksd::app {

struct Identity {
    std::optional<uid_t> user;
    std::optional<gid_t> group;

    // As chown(2) takes them.
    uid_t user_or_none() const { return user.value_or(static_cast<uid_t>(-1)); }
    gid_t group_or_none() const { return group.value_or(static_cast<gid_t>(-1)); }
    friend bool operator==(const Identity&, const Identity&) = default;
};

// Looks names up. The error is a complete log line, or empty if there is no more to say than that
// `ident` cannot be parsed.
std::expected<Identity, std::string> resolve_identity(std::string_view ident);

// The error is a complete log line: "setgroups: Operation not permitted". The process must end
// then, as it is neither here nor there.
std::expected<void, std::string> become(const Identity& identity, CapabilityMask keep);

}  // namespace neosocksd::app
