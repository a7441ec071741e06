// What the two profiles say to calls that matter. That all we need is allowed, the end-to-end tests
// show, which run in the sandbox.

#include "app/sandbox_calls.h"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "app/filter_fixture.h"

namespace neosocksd::app {
namespace {

const std::uint32_t kAllow = allow_call();
const std::uint32_t kRefuse = fail_call(EPERM);
const std::uint32_t kMissing = fail_call(ENOSYS);

constexpr SandboxNeeds kClosed{.pid = 4711};
constexpr SandboxNeeds kStrictRules{.rules = true, .writing = true, .pid = 4711};
constexpr SandboxNeeds kOpen{.programs = true, .rules = true, .writing = true, .pid = 4711};

TEST(SandboxCalls, no_profile_lets_the_dangerous_through) {
    for (const SandboxNeeds& needs : {kClosed, kStrictRules, kOpen}) {
        FilterMachine machine(sandbox_filter(needs));
        for (const long call : {SYS_ptrace,
                                SYS_process_vm_readv,
                                SYS_process_vm_writev,
                                SYS_pidfd_getfd,
                                SYS_bpf,
                                SYS_perf_event_open,
                                SYS_userfaultfd,
                                SYS_keyctl,
                                SYS_add_key,
                                SYS_request_key,
                                SYS_mount,
                                SYS_umount2,
                                SYS_pivot_root,
                                SYS_chroot,
                                SYS_fsopen,
                                SYS_open_tree,
                                SYS_move_mount,
                                SYS_unshare,
                                SYS_setns,
                                SYS_init_module,
                                SYS_finit_module,
                                SYS_delete_module,
                                SYS_kexec_load,
                                SYS_reboot,
                                SYS_clock_settime,
                                SYS_open_by_handle_at})
            EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call)), kRefuse) << call;
        EXPECT_EQ(machine.run(SYS_clone3), kMissing);
        for (const std::uint64_t flag : {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID})
            for (const std::uint64_t with : {0, CLONE_VM | CLONE_THREAD})
                EXPECT_EQ(machine.run(SYS_clone, {flag | with}), kRefuse) << flag;
        for (const std::uint64_t family : {AF_PACKET, AF_ALG, AF_VSOCK, AF_BLUETOOTH, AF_CAN})
            EXPECT_EQ(machine.run(SYS_socket, {family}), fail_call(EAFNOSUPPORT)) << family;
        for (const std::uint64_t family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
            EXPECT_EQ(machine.run(SYS_socket, {family, SOCK_STREAM}), kAllow) << family;
        EXPECT_EQ(machine.run(SYS_ioctl, {0, TIOCSTI}), kRefuse);
        EXPECT_EQ(machine.run(SYS_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}), kAllow);
        EXPECT_EQ(machine.run(5000), kMissing) << "newer than our list";
    }
}

TEST(SandboxCalls, without_rules_nothing_runs_but_ourselves) {
    for (const SandboxNeeds& needs : {kClosed, kStrictRules}) {
        FilterMachine machine(sandbox_filter(needs));
        EXPECT_EQ(machine.run(SYS_execve), kRefuse);
        EXPECT_EQ(machine.run(SYS_execveat), kRefuse);
        EXPECT_EQ(machine.run(SYS_clone, {SIGCHLD}), kRefuse) << "a process";
        EXPECT_EQ(machine.run(SYS_clone, {CLONE_VM | CLONE_VFORK | SIGCHLD}), kRefuse);
        EXPECT_EQ(machine.run(SYS_kill, {1}), kRefuse);
        EXPECT_EQ(machine.run(SYS_tgkill, {4711, 4712, 6}), kAllow);
        EXPECT_EQ(machine.run(SYS_tgkill, {1, 1, 9}), kRefuse);
        EXPECT_EQ(machine.run(SYS_prlimit64, {0}), kAllow);
        EXPECT_EQ(machine.run(SYS_prlimit64, {1}), kRefuse);
        EXPECT_EQ(machine.run(SYS_prctl, {PR_SET_NAME}), kAllow);
        EXPECT_EQ(machine.run(SYS_prctl, {PR_SET_DUMPABLE}), kRefuse);
        EXPECT_EQ(machine.run(SYS_setuid), kRefuse);
        EXPECT_EQ(machine.run(SYS_capset), kRefuse);
        EXPECT_EQ(machine.run(SYS_fchmodat), kRefuse);
    }
}

TEST(SandboxCalls, memory_is_never_writable_and_executable) {
    const std::uint64_t both = PROT_READ | PROT_WRITE | PROT_EXEC;
    for (const SandboxNeeds& needs : {kClosed, kStrictRules}) {
        FilterMachine machine(sandbox_filter(needs));
        EXPECT_EQ(machine.run(SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE}), kAllow);
        EXPECT_EQ(machine.run(SYS_mmap, {0, 4096, both}), kRefuse);
        EXPECT_EQ(machine.run(SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}), kRefuse);
        EXPECT_EQ(machine.run(SYS_mprotect, {0, 4096, PROT_READ}), kAllow);
        // Only a ruleset loads libraries.
        EXPECT_EQ(machine.run(SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC}),
                  needs.rules ? kAllow : kRefuse);
    }
}

TEST(SandboxCalls, files_are_written_to_only_where_something_must_be) {
    FilterMachine closed(sandbox_filter(kClosed));
    FilterMachine rules(sandbox_filter(kStrictRules));
    EXPECT_EQ(closed.run(SYS_openat, {0, 0, O_RDONLY | O_CLOEXEC | O_NONBLOCK}), kAllow);
    for (const std::uint64_t flags : {O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC}) {
        EXPECT_EQ(closed.run(SYS_openat, {0, 0, flags}), kRefuse) << flags;
        EXPECT_EQ(rules.run(SYS_openat, {0, 0, flags}), kAllow) << flags;
    }
    EXPECT_EQ(closed.run(SYS_openat2), kMissing);
    EXPECT_EQ(closed.run(SYS_renameat2), kRefuse);
    EXPECT_EQ(rules.run(SYS_renameat2), kAllow);
}

TEST(SandboxCalls, programs_of_rules_can_do_what_programs_do) {
    FilterMachine machine(sandbox_filter(kOpen));
    for (const long call : {SYS_execve, SYS_wait4, SYS_waitid, SYS_kill, SYS_fchmodat, SYS_mkdirat,
                            SYS_renameat2, SYS_getdents64, SYS_setpgid, SYS_pidfd_open})
        EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call)), kAllow) << call;
    EXPECT_EQ(machine.run(SYS_clone, {SIGCHLD}), kAllow);
    EXPECT_EQ(machine.run(SYS_clone, {CLONE_VM | CLONE_VFORK | SIGCHLD}), kAllow);
    EXPECT_EQ(machine.run(SYS_ioctl, {0, TIOCGWINSZ}), kAllow);
}

TEST(SandboxCalls, io_uring_is_there_only_for_its_engine) {
    for (SandboxNeeds needs : {kClosed, kStrictRules, kOpen})
        for (const bool uring : {true, false}) {
            needs.uring = uring;
            FilterMachine machine(sandbox_filter(needs));
            for (const long call : {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register})
                EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call)), uring ? kAllow : kMissing);
        }
}

TEST(SandboxCalls, the_seal_allows_no_ring_and_no_thread_and_leaves_the_rest_to_the_first) {
    for (const SandboxNeeds& needs : {kClosed, kStrictRules, kOpen}) {
        FilterMachine machine(sandbox_seal(needs));
        EXPECT_EQ(machine.run(SYS_io_uring_setup), kMissing);
        // Programs start threads, and confine themselves.
        for (const long call : {SYS_clone, SYS_seccomp})
            EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call), {CLONE_VM | CLONE_THREAD}),
                      needs.programs ? kAllow : kRefuse);
        for (const long call : {SYS_read, SYS_io_uring_enter, SYS_socket, SYS_ptrace, 5000})
            EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call)), kAllow);
        EXPECT_EQ(machine.arguments_read(), 0u);
    }
}

TEST(SandboxCalls, what_is_called_for_every_message_reads_no_argument) {
    // The kernel remembers its answers only to such calls; looking costs a run of the filter.
    for (const SandboxNeeds& needs : {kClosed, kOpen}) {
        FilterMachine machine(sandbox_filter(needs));
        for (const long call :
             {SYS_read, SYS_write, SYS_recvfrom, SYS_sendto, SYS_splice, SYS_epoll_pwait,
              SYS_epoll_ctl, SYS_accept4, SYS_connect, SYS_close, SYS_shutdown, SYS_setsockopt,
              SYS_getsockopt, SYS_sendmmsg, SYS_recvmmsg, SYS_futex})
            EXPECT_EQ(machine.run(static_cast<std::uint32_t>(call)), kAllow) << call;
        EXPECT_EQ(machine.arguments_read(), 0u);
    }
}

}  // namespace
}  // namespace neosocksd::app
