// Tested by tests/e2e/test_user.py and test_socket_options.py.

#include "app/capabilities.h"

#include <cerrno>
#include <initializer_list>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace neosocksd::app {
namespace {

struct Sets {
    CapabilityMask effective = 0;
    CapabilityMask permitted = 0;
    CapabilityMask inheritable = 0;
};

CapabilityMask joined(std::uint32_t low, std::uint32_t high) {
    return low | CapabilityMask{high} << 32;
}

bool load(Sets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (::syscall(SYS_capget, &header, data) != 0) return false;
    sets = {joined(data[0].effective, data[1].effective),
            joined(data[0].permitted, data[1].permitted),
            joined(data[0].inheritable, data[1].inheritable)};
    return true;
}

bool store(const Sets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective = static_cast<std::uint32_t>(sets.effective >> (32 * i));
        data[i].permitted = static_cast<std::uint32_t>(sets.permitted >> (32 * i));
        data[i].inheritable = static_cast<std::uint32_t>(sets.inheritable >> (32 * i));
    }
    return ::syscall(SYS_capset, &header, data) == 0;
}

bool can_mark() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int mark = 1;
    const bool can = ::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
    ::close(fd);
    return can;
}

}  // namespace

CapabilityMask permitted_capabilities() {
    Sets sets;
    return load(sets) ? sets.permitted : 0;
}

int drop_capabilities(CapabilityMask keep) {
    Sets sets;
    if (!load(sets)) return -errno;
    const CapabilityMask kept = sets.permitted & keep;
    // CAP_SETPCAP is needed for the bounding set, which goes first: after a change of user it may
    // be permitted but no longer effective.
    sets.effective = sets.permitted;
    if (!store(sets)) return -errno;
    for (int number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if ((keep & capability(number)) == 0) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return store({kept, kept, 0}) ? 0 : -errno;
}

CapabilityMask capability_to_mark() {
    Sets before;
    if (!load(before)) return 0;
    for (const CapabilityMask one : {capability(CAP_NET_RAW), capability(CAP_NET_ADMIN)}) {
        if ((before.permitted & one) == 0) continue;
        if (!store({one, before.permitted, before.inheritable})) continue;
        const bool can = can_mark();
        store(before);
        if (can) return one;
    }
    return 0;
}

}  // namespace neosocksd::app
