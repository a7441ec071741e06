// Tested by tests/e2e/test_daemon.py.

#include "app/resources.h"

#include <cerrno>
#include <cstring>

#include <sys/resource.h>

#include "base/log.h"

namespace neosocksd::app {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0)
        LOG_INFO("descriptors: limit raised from {} to {}", before, limit.rlim_max);
    else
        LOG_WARNING("descriptors: the limit stays {}: {}", before, std::strerror(errno));
}

}  // namespace neosocksd::app
