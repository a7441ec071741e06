// Tested by tests/e2e/test_sandbox.py.

#include "app/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/sandbox_calls.h"
#include "base/log.h"

// Present in builds that measure coverage, which write a file when they end.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is the compiler's
extern "C" [[gnu::weak]] int __llvm_profile_write_file();

namespace neosocksd::app {
namespace {

// Empty if `auto` may be taken at its word. Sanitizers start programs and trace us at the end.
std::string objection_to_auto() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
    return "this is a sanitizer's build";
#endif
#endif
    if (&__llvm_profile_write_file != nullptr) return "this build measures coverage";
    return {};
}

// Empty, or the reason. Without it only root may confine a process, and set-user-ID programs would
// get out.
std::string give_up_new_privileges() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return {};
    return std::string("PR_SET_NO_NEW_PRIVS: ") + std::strerror(errno);
}

// Empty, or the reason.
std::string install(const FilterSpec& spec, bool log) {
    auto code = compile_filter(spec);
    if (!code) return "no list of system calls for this machine";
    sock_fprog program{static_cast<unsigned short>(code->size()), code->data()};
    // Threads that exist already (of a library, say) are confined, too. Refused calls of the closed
    // profile are rare, and somebody will want to know: the kernel's audit log has them.
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC;
    if (log) flags |= SECCOMP_FILTER_FLAG_LOG;
    const long failed = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (failed < 0) return std::string("seccomp: ") + std::strerror(errno);
    if (failed > 0) return "seccomp: another thread has a filter of its own";
    return {};
}

}  // namespace

bool Sandbox::enter(const Options& options, bool with_rules, bool uring) {
    if (options.sandbox == SandboxMode::off) {
        LOG_INFO("sandbox: off");
        return true;
    }
    if (options.sandbox == SandboxMode::auto_)
        if (const std::string why = objection_to_auto(); !why.empty()) {
            LOG_INFO("sandbox: off, because {}", why);
            return true;
        }
    const SandboxNeeds needs{.programs = with_rules && options.sandbox != SandboxMode::strict,
                             .rules = with_rules,
                             .writing = with_rules || !options.access_log.empty(),
                             .uring = uring,
                             .pid = ::getpid()};
    std::string why = give_up_new_privileges();
    if (why.empty()) why = install(sandbox_filter(needs), !needs.programs);
    if (!why.empty()) {
        if (options.sandbox == SandboxMode::auto_) {
            LOG_WARNING("sandbox: off, because the system refuses it: {}", why);
            return true;
        }
        LOG_FATAL("--sandbox: {}; --sandbox auto would go on without", why);
        return false;
    }
    needs_ = needs;
    if (needs.programs)
        LOG_INFO("sandbox: dangerous system calls are refused, also to programs that rules start");
    else
        LOG_INFO("sandbox: only system calls that serving needs; no program can be started{}",
                 needs.writing ? "" : ", no file opened for writing");
    return true;
}

void Sandbox::seal() {
    if (!needs_) return;
    // It has worked once: there is no reason but memory.
    if (const std::string why = install(sandbox_seal(*needs_), !needs_->programs); !why.empty())
        LOG_WARNING("sandbox: not sealed: {}", why);
}

}  // namespace neosocksd::app
