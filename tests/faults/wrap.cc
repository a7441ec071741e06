// The system calls as the program sees them in the fault build: the linker's --wrap leads here.
//
// A call that is made to fail has no effect at all, as in the kernel; where a kernel's error comes
// after the effect (close) it does so here. Edges that the program would wait for in vain after a
// false EAGAIN or a false short count are reported anew: a fault must be one that can happen.

#include <cerrno>
#include <cstdarg>
#include <memory>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <liburing.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/fault_plan.h"
#include "tests/faults/watched.h"

using neosocksd::faults::Fault;
using neosocksd::faults::Kind;
using rlimit_id = decltype(RLIMIT_NOFILE);

// What stands behind the wrappers has the signature of <name>, and its linkage.
#define REAL(name) extern "C" decltype(name) __real_##name

// The fault of this passage, in the wrapper's own frame.
#define PASSAGE(name)                                                                              \
    [[maybe_unused]] Fault fault;                                                                  \
    if (neosocksd::faults::injecting) {                                                            \
        static const unsigned call = neosocksd::faults::call_number(name);                         \
        fault = neosocksd::faults::passage(call, static_cast<void**>(__builtin_frame_address(0))); \
    }

#define ASK(name)                   \
    PASSAGE(#name)                  \
    if (fault.kind == Kind::fail) { \
        errno = fault.error;        \
        return -1;                  \
    }

#define PLAIN(name, type, parameters, arguments) \
    extern "C" type __real_##name parameters;    \
    extern "C" type __wrap_##name parameters {   \
        ASK(name)                                \
        return __real_##name arguments;          \
    }
#define SPECIAL(name)
#include "tests/faults/calls.def"
#undef PLAIN
#undef SPECIAL

extern "C" int __real_connect(int, const sockaddr*, socklen_t);
extern "C" int __real_shutdown(int, int);
REAL(epoll_ctl);
REAL(epoll_wait);

namespace neosocksd::faults {
namespace {

// After a call with a false result: errno stays what the caller is to see.
void made_short(int fd) {
    const int kept_errno = errno;
    watched().report_anew(fd);
    errno = kept_errno;
}

ssize_t try_again(int fd) {
    made_short(fd);
    errno = EAGAIN;
    return -1;
}

}  // namespace

void disconnect(int fd) {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (__real_connect(fd, &nobody, sizeof nobody) != 0) __real_shutdown(fd, SHUT_RDWR);
}

}  // namespace neosocksd::faults

using neosocksd::faults::made_short;
using neosocksd::faults::try_again;
using neosocksd::faults::watched;

// A stream call whose size can be cut down to one.
#define STREAM(name, fd, size)                                \
    ASK(name)                                                 \
    if (fault.kind == Kind::again) return try_again(fd);      \
    const bool cut = fault.kind == Kind::shorten && size > 1; \
    if (cut) size = 1;

#define STREAM_RESULT(fd, expression) \
    const auto result = (expression); \
    if (cut) made_short(fd);          \
    return result;

extern "C" {

ssize_t __real_recv(int, void*, size_t, int);
ssize_t __wrap_recv(int fd, void* to, size_t size, int flags){
    STREAM(recv, fd, size) STREAM_RESULT(fd, __real_recv(fd, to, size, flags))}

ssize_t __real_recvfrom(int, void*, size_t, int, sockaddr*, socklen_t*);
ssize_t __wrap_recvfrom(int fd, void* to, size_t size, int flags, sockaddr* from,
                        socklen_t* length) {
    ASK(recvfrom)
    if (fault.kind == Kind::again) return try_again(fd);
    return __real_recvfrom(fd, to, size, flags, from, length);
}

int __real_recvmmsg(int, mmsghdr*, unsigned, int, timespec*);
int __wrap_recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout){
    STREAM(recvmmsg, fd, count)
        STREAM_RESULT(fd, __real_recvmmsg(fd, messages, count, flags, timeout))}

ssize_t __real_read(int, void*, size_t);
ssize_t __wrap_read(int fd, void* to, size_t size) {
    PASSAGE("read")
    // What counts or queues in the kernel (an eventfd, a signalfd) has no errors of its own.
    const bool queue = size == sizeof(std::uint64_t) || size == sizeof(signalfd_siginfo);
    if (fault.kind == Kind::fail && (!queue || fault.error == EINTR)) {
        errno = fault.error;
        return -1;
    }
    if (fault.kind == Kind::again) return try_again(fd);
    // An eventfd or a signalfd has no short reads.
    if (fault.kind == Kind::shorten && size > 1) size = size > 512 ? 1 : size;
    return __real_read(fd, to, size);
}

ssize_t __real_send(int, const void*, size_t, int);
ssize_t __wrap_send(int fd, const void* from, size_t size, int flags) {
    PASSAGE("send")
    if (fault.kind == Kind::fail) {
        if (fault.error == EPIPE || fault.error == ECONNRESET) neosocksd::faults::disconnect(fd);
        errno = fault.error;
        return -1;
    }
    if (fault.kind == Kind::again) return try_again(fd);
    const bool cut = fault.kind == Kind::shorten && size > 1;
    if (cut) size = 1;
    STREAM_RESULT(fd, __real_send(fd, from, size, flags))
}

ssize_t __real_sendto(int, const void*, size_t, int, const sockaddr*, socklen_t);
ssize_t __wrap_sendto(int fd, const void* from, size_t size, int flags, const sockaddr* to,
                      socklen_t length) {
    ASK(sendto)
    return __real_sendto(fd, from, size, flags, to, length);
}

ssize_t __real_sendmsg(int, const msghdr*, int);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
    ASK(sendmsg)
    if (fault.kind == Kind::again) return try_again(fd);
    return __real_sendmsg(fd, message, flags);
}

int __real_sendmmsg(int, mmsghdr*, unsigned, int);
int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags){
    STREAM(sendmmsg, fd, count) STREAM_RESULT(fd, __real_sendmmsg(fd, messages, count, flags))}

ssize_t __real_write(int, const void*, size_t);
ssize_t __wrap_write(int fd, const void* from, size_t size) {
    // An eventfd: its write cannot fail before the counter is full.
    if (size == sizeof(std::uint64_t)) return __real_write(fd, from, size);
    ASK(write)
    if (fault.kind == Kind::shorten && size > 16) size = 1;
    return __real_write(fd, from, size);
}

ssize_t __real_splice(int, off64_t*, int, off64_t*, size_t, unsigned);
ssize_t __wrap_splice(int in, off64_t* in_at, int out, off64_t* out_at, size_t size,
                      unsigned flags) {
    ASK(splice)
    if (fault.kind == Kind::again) {
        made_short(in);
        return try_again(out);
    }
    const bool cut = fault.kind == Kind::shorten;
    if (cut) size = 1;
    const auto result = __real_splice(in, in_at, out, out_at, size, flags);
    if (cut) {
        made_short(in);
        made_short(out);
    }
    return result;
}

int __wrap_connect(int fd, const sockaddr* address, socklen_t length) {
    PASSAGE("connect")
    if (fault.kind == Kind::fail && fault.error != EINTR) {
        errno = fault.error;
        return -1;
    }
    const int result = __real_connect(fd, address, length);
    // Interrupted or not, the connection is under way; datagrams have none to wait for.
    int type = 0;
    socklen_t size = sizeof type;
    const bool stream =
        __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
    if (stream && fault.kind == Kind::fail && (result == 0 || errno == EINPROGRESS)) {
        errno = EINTR;
        return -1;
    }
    return result;
}

// These two fail only where the connection is gone, of which the program hears otherwise, too.
int disconnected(int fd, int error) {
    neosocksd::faults::disconnect(fd);
    errno = error;
    return -1;
}

int __wrap_shutdown(int fd, int how) {
    PASSAGE("shutdown")
    return fault ? disconnected(fd, fault.error) : __real_shutdown(fd, how);
}

int __real_getpeername(int, sockaddr*, socklen_t*);
int __wrap_getpeername(int fd, sockaddr* address, socklen_t* length) {
    PASSAGE("getpeername")
    return fault ? disconnected(fd, fault.error) : __real_getpeername(fd, address, length);
}

int __real_fcntl(int, int, ...);
int __wrap_fcntl(int fd, int command, ...) {
    ASK(fcntl)
    va_list more;
    va_start(more, command);
    void* const argument = va_arg(more, void*);
    va_end(more);
    return __real_fcntl(fd, command, argument);
}

int __real_open(const char*, int, ...);
int __wrap_open(const char* path, int flags, ...) {
    ASK(open)
    va_list more;
    va_start(more, flags);
    const auto mode = va_arg(more, mode_t);
    va_end(more);
    return __real_open(path, flags, mode);
}

int __real_openat(int, const char*, int, ...);
int __wrap_openat(int at, const char* path, int flags, ...) {
    ASK(openat)
    va_list more;
    va_start(more, flags);
    const auto mode = va_arg(more, mode_t);
    va_end(more);
    return __real_openat(at, path, flags, mode);
}

long __real_syscall(long, ...);
long __wrap_syscall(long number, ...) {
    va_list more;
    va_start(more, number);
    long arguments[6];
    for (long& argument : arguments) argument = va_arg(more, long);
    va_end(more);
    const auto make = [&] {
        return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                              arguments[4], arguments[5]);
    };
    if (number == SYS_futex) return make();  // how the library waits
    ASK(syscall)
    return make();
}

int __real_close(int);
int __wrap_close(int fd) {
    PASSAGE("close")
    watched().forget(fd);
    const int result = __real_close(fd);
    if (!fault) return result;
    errno = fault.error;  // Linux closes it whatever it says
    return -1;
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
    ASK(epoll_ctl)
    if (operation == EPOLL_CTL_DEL) watched().forget(fd);
    const int result = __real_epoll_ctl(epoll, operation, fd, event);
    if (operation != EPOLL_CTL_DEL && result == 0) watched().set(epoll, fd, *event);
    return result;
}

int __wrap_epoll_wait(int epoll, epoll_event* events, int room, int timeout) {
    ASK(epoll_wait)
    const bool holding = watched().holds(epoll);
    const int hold = static_cast<int>(neosocksd::faults::kHold.count());
    if (holding && (timeout < 0 || timeout > hold)) timeout = hold;
    const int count = __real_epoll_wait(epoll, events, room, timeout);
    if (count > 0 && fault.kind == Kind::late) {
        watched().hold(epoll, events, count);
        return 0;
    }
    return holding && count >= 0 ? watched().release(epoll, events, count, room) : count;
}

// Lua's memory: nobody else in the program calls it.
void* __real_realloc(void*, size_t);
void* __wrap_realloc(void* block, size_t size) {
    PASSAGE("realloc")
    // A block that shrinks stays where it is.
    const bool grows = !block || malloc_usable_size(block) < size;
    return fault && grows ? nullptr : __real_realloc(block, size);
}

FILE* __real_fopen(const char*, const char*);
FILE* __wrap_fopen(const char* path, const char* mode) {
    PASSAGE("fopen")
    if (!fault) return __real_fopen(path, mode);
    errno = fault.error;
    return nullptr;
}

int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                       addrinfo** found) {
    PASSAGE("getaddrinfo")
    if (fault) return EAI_MEMORY;
    return __real_getaddrinfo(node, service, hints, found);
}

int __real_posix_spawn(pid_t*, const char*, const posix_spawn_file_actions_t*,
                       const posix_spawnattr_t*, char* const*, char* const*);
int __wrap_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const* arguments,
                       char* const* environment) {
    PASSAGE("posix_spawn")
    if (fault) return fault.error;
    return __real_posix_spawn(pid, path, actions, attributes, arguments, environment);
}

// liburing's own calls return -errno.
#define URING(name, parameters, arguments)                     \
    int __real_##name parameters;                              \
    int __wrap_##name parameters {                             \
        PASSAGE(#name)                                         \
        return fault ? -fault.error : __real_##name arguments; \
    }
URING(io_uring_queue_init_params, (unsigned a, io_uring* b, io_uring_params* c), (a, b, c))
URING(io_uring_register_buf_ring, (io_uring * a, io_uring_buf_reg* b, unsigned c), (a, b, c))
URING(io_uring_register_ring_fd, (io_uring * a), (a))

// std::thread's constructor, where the library calls pthread_create.
using ThreadState = std::unique_ptr<std::thread::_State>;
void __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* self, ThreadState state, void (*depend)());
void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* self, ThreadState state, void (*depend)()) {
    PASSAGE("thread")
    if (fault)
        throw std::system_error(fault.error, std::generic_category(), "unable to start a thread");
    __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
        self, std::move(state), depend);
}

}  // extern "C"
