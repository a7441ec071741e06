// floor: the smallest programs that do what the scenarios of the comparison ask for, to find out
// what the kernel alone costs. Not a proxy: it knows one SOCKS5 request, repairs no error, half
// closes nothing, and has a limit for nothing.
//
//   floor epoll|uring MODE LISTEN [TARGET]
//
// MODE is that of the load generator; with TARGET it forwards, otherwise it speaks SOCKS5. One
// thread, raw system calls. floor/epoll.h and floor/uring.h say which, and in what order.

#include <signal.h>
#include <sys/resource.h>

#include "floor/common.h"
#include "floor/epoll.h"
#include "floor/uring.h"

int main(int argc, char** argv) {
    using namespace neosocksd::bench;
    if (argc < 4 || argc > 5) {
        std::fputs("usage: floor epoll|uring cps|rr|idle|start|up|down LISTEN [TARGET]\n", stderr);
        return 2;
    }
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    const std::string_view engine = argv[1], mode = argv[2];
    FloorOptions options;
    if (mode == "up") options.work = Work::upload;
    if (mode == "down") options.work = Work::download;
    options.listen = parse_address(argv[3]);
    options.socks = argc == 4;
    if (!options.socks) options.target = parse_address(argv[4]);
    if (engine == "epoll") EpollFloor(options).run();
    if (engine == "uring") UringFloor(options).run();
    errno = EINVAL;
    give_up(argv[1]);
}
