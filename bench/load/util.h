// What every part of proxybench needs: giving up with a message, the monotonic clock, reading a
// small /proc file, and addresses. Only loopback addresses are accepted anywhere: a load generator
// pointed at someone else's machine by a typing mistake would be an attack.

#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace neosocksd::bench {

inline constexpr uint64_t kNanoseconds = 1'000'000'000;  // in a second

[[noreturn, gnu::format(printf, 1, 2)]] inline void die(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::fputs("proxybench: ", stderr);
    std::vfprintf(stderr, format, arguments);
    std::fputc('\n', stderr);
    va_end(arguments);
    std::exit(2);
}

// Everything for people goes to stderr; stdout carries the one line of JSON.
[[gnu::format(printf, 1, 2)]] inline void note(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    std::fputc('\n', stderr);
    va_end(arguments);
}

inline uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * kNanoseconds + static_cast<uint64_t>(now.tv_nsec);
}

inline void sleep_until(uint64_t when_ns) {
    const timespec when{static_cast<time_t>(when_ns / kNanoseconds),
                        static_cast<long>(when_ns % kNanoseconds)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

// As many descriptors as we may have: the generator holds one a tunnel.
inline void raise_descriptor_limit() {
    rlimit limit{1048576, 1048576};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

inline bool read_small_file(const std::string& path, std::string& text) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    text.clear();
    char chunk[8192];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) text.append(chunk, static_cast<size_t>(n));
    close(fd);
    return n == 0;
}

// A whole number or a decimal fraction, and nothing after it.
template <typename Number>
Number parse_number(const char* what, std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        die("%s: not a number: %s", what, std::string(text).c_str());
    return value;
}

inline sockaddr_in parse_loopback_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) die("not an address: %s", text.c_str());
    const std::string host = text.substr(0, colon);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
        die("not an IPv4 address: %s", host.c_str());
    if (ntohl(address.sin_addr.s_addr) >> 24 != 127)
        die("only 127.0.0.0/8 is allowed: %s", host.c_str());
    const int port = parse_number<int>("port", std::string_view(text).substr(colon + 1));
    if (port <= 0 || port > 65535) die("bad port: %d", port);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
}

}  // namespace neosocksd::bench
