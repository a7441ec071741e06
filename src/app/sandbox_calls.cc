// Refused calls fail; they do not kill: a library that is updated below us may try something new
// and has a way without it. EPERM says "not here". ENOSYS says "this kernel has none", to those who
// fall back only then: clone3(2), whose flags lie in memory that no filter can read, so that libc
// takes clone(2); openat2(2), for the same reason; and all calls that are newer than this list.
// Tested by sandbox_calls_test.cc and tests/e2e/test_sandbox.py.

#include "app/sandbox_calls.h"

#include <cerrno>
#include <initializer_list>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace neosocksd::app {
namespace {

// The newest in Debian 12's headers, and the same number on every machine.
constexpr std::uint32_t kNewestKnown = 450;  // set_mempolicy_home_node

constexpr std::uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

using Calls = std::initializer_list<long>;

// Allowed whatever their arguments, because most are made for every connection or message, and an
// argument looked at is a filter run.
const Calls kServing{
    // Bytes and descriptors.
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_pipe2,
    SYS_splice,
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_signalfd4,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    // Sockets; socket(2) itself is below.
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_sendto,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendmmsg,
    SYS_recvmmsg,
    SYS_shutdown,
    // Files that are looked at (hosts, resolv.conf, tokens, lists), and the pid file and socket
    // files that go at the end.
    SYS_faccessat,
    SYS_faccessat2,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_fstatfs,
    SYS_statfs,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_getcwd,
    SYS_unlinkat,
    SYS_ftruncate,
    SYS_flock,
    SYS_fsync,
    SYS_fdatasync,
    SYS_umask,
    // Memory; mmap(2) and mprotect(2) are below.
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_membarrier,
    // Threads, signals to ourselves, and ends.
    SYS_futex,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_exit,
    SYS_exit_group,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_restart_syscall,
    // Time and identity.
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_timer_create,
    SYS_timer_settime,
    SYS_timer_gettime,
    SYS_timer_getoverrun,
    SYS_timer_delete,
    SYS_getrandom,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_times,
    SYS_getcpu,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
// Older names, which only older machines have.
#ifdef SYS_open
    SYS_poll,
    SYS_select,
    SYS_epoll_create,
    SYS_epoll_wait,
    SYS_eventfd,
    SYS_signalfd,
    SYS_pipe,
    SYS_dup2,
    SYS_access,
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
    SYS_unlink,
    SYS_getdents,
    SYS_time,
#endif
#ifdef SYS_getrlimit
    SYS_getrlimit,
#endif
};

// os.rename and os.remove. io.open is openat(2), below.
const Calls kRules{
    SYS_renameat2,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_rename
    SYS_rename,
    SYS_rmdir,
#endif
};

const Calls kUring{SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

// Refused in both profiles; the closed one needs no such list.
const Calls kDangerous{
    // Other processes: their memory, descriptors, registers.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_perf_event_open,
    // Ways into the kernel that exploits like, and that few programs need.
    SYS_bpf,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_lookup_dcookie,
    SYS_syslog,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_vhangup,
    SYS_nfsservctl,
    // Ways out of the file system and the namespaces we are in.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_open_by_handle_at,
    SYS_unshare,
    SYS_setns,
    // The machine as a whole.
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_query_module,
#endif
};

class Rules {
public:
    void all(const Calls& calls, std::uint32_t answer) {
        for (const long call : calls) one(call, answer);
    }
    void one(long call, std::uint32_t answer) {
        list_.push_back({.number = static_cast<std::uint32_t>(call), .answer = answer});
    }
    void checked(long call, std::uint32_t answer, ArgumentCheck check, std::uint32_t otherwise) {
        list_.push_back({static_cast<std::uint32_t>(call), answer, std::move(check), otherwise});
    }
    // TCP, UDP, Unix sockets and syslog, and whose address this is.
    void sockets() {
        checked(SYS_socket, allow_call(), {0, ~0u, {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}},
                fail_call(EAFNOSUPPORT));
    }
    std::vector<CallRule> take() { return std::move(list_); }

private:
    std::vector<CallRule> list_;
};

FilterSpec with(Rules rules, std::uint32_t by_default) {
    return {.rules = rules.take(),
            .by_default = by_default,
            .unknown_from = kNewestKnown + 1,
            .unknown = fail_call(ENOSYS),
            .foreign = fail_call(EPERM)};
}

FilterSpec closed(const SandboxNeeds& needs) {
    const auto allow = allow_call();
    const auto refuse = fail_call(EPERM);
    const auto pid = static_cast<std::uint32_t>(needs.pid);
    Rules rules;
    rules.all(kServing, allow);
    if (needs.rules) rules.all(kRules, allow);
    rules.all(kUring, needs.uring ? allow : fail_call(ENOSYS));
    rules.sockets();
    // To be sealed.
    rules.one(SYS_seccomp, allow);
    // Threads of this process, nothing else that runs.
    constexpr std::uint32_t kThread = CLONE_VM | CLONE_THREAD;
    rules.checked(SYS_clone, allow, {0, kThread | kNamespaces, {kThread}}, refuse);
    rules.one(SYS_clone3, fail_call(ENOSYS));
    // Libraries that a ruleset requires are mapped executable, but never writable as well.
    if (needs.rules)
        rules.checked(SYS_mmap, refuse, {2, PROT_WRITE | PROT_EXEC, {PROT_WRITE | PROT_EXEC}},
                      allow);
    else
        rules.checked(SYS_mmap, allow, {2, PROT_EXEC, {0}}, refuse);
    rules.checked(SYS_mprotect, allow, {2, PROT_EXEC, {0}}, refuse);
    // Reading only, as far as that will do.
    const ArgumentCheck reading{2, O_ACCMODE | O_CREAT | O_TRUNC, {O_RDONLY}};
    if (needs.writing)
        rules.one(SYS_openat, allow);
    else
        rules.checked(SYS_openat, allow, reading, refuse);
    rules.one(SYS_openat2, fail_call(ENOSYS));
#ifdef SYS_open
    if (needs.writing)
        rules.one(SYS_open, allow);
    else
        rules.checked(SYS_open, allow, {1, reading.mask, reading.values}, refuse);
#endif
    rules.checked(
        SYS_ioctl, allow,
        {1,
         ~0u,
         {FIONREAD, FIONBIO, FIOCLEX, SIOCOUTQ, TCGETS, TIOCGWINSZ, SIOCGIFINDEX, SIOCGIFNAME}},
        refuse);
    // Names of threads, and of memory (new versions of libc).
    rules.checked(SYS_prctl, allow, {0, ~0u, {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA}}, refuse);
    // abort() and the watchdog of Lua.
    rules.checked(SYS_tgkill, allow, {0, ~0u, {pid}}, refuse);
    rules.checked(SYS_prlimit64, allow, {0, ~0u, {0, pid}}, refuse);
    return with(std::move(rules), refuse);
}

FilterSpec open(const SandboxNeeds& needs) {
    const auto allow = allow_call();
    const auto refuse = fail_call(EPERM);
    Rules rules;
    rules.all(kDangerous, refuse);
    if (!needs.uring) rules.all(kUring, fail_call(ENOSYS));
    rules.sockets();
    rules.checked(SYS_clone, allow, {0, kNamespaces, {0}}, refuse);
    rules.one(SYS_clone3, fail_call(ENOSYS));
    // Typing into the operator's terminal.
    rules.checked(SYS_ioctl, refuse, {1, ~0u, {TIOCSTI, TIOCLINUX}}, allow);
    rules.checked(SYS_prctl, refuse, {0, ~0u, {PR_SET_MM, PR_SET_PTRACER}}, allow);
    // 0 is Linux as it is, all ones a question.
    rules.checked(SYS_personality, allow, {0, ~0u, {0, ~0u}}, refuse);
    return with(std::move(rules), allow);
}

}  // namespace

FilterSpec sandbox_seal(const SandboxNeeds& needs) {
    const auto allow = allow_call();
    Rules rules;
    rules.one(SYS_io_uring_setup, fail_call(ENOSYS));
    if (!needs.programs) rules.all({SYS_clone, SYS_seccomp}, fail_call(EPERM));
    // What the first filter refuses is refused: the stricter answer counts.
    return {.rules = rules.take(),
            .by_default = allow,
            .unknown_from = kNewestKnown + 1,
            .unknown = allow,
            .foreign = allow};
}

FilterSpec sandbox_filter(const SandboxNeeds& needs) {
    return needs.programs ? open(needs) : closed(needs);
}

}  // namespace neosocksd::app
