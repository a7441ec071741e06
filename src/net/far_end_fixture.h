// The far end of a relayed connection: it sends a random stream in random slices and checks every
// byte it gets. It never blocks: step() does what is possible now.

#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/engine_fixture.h"

namespace neosocksd::net {

inline void set_buffers(int fd, int bytes) {
    io::set_option(fd, SOL_SOCKET, SO_SNDBUF, bytes);
    io::set_option(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

inline int socket_option(int fd, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    ::getsockopt(fd, SOL_SOCKET, option, &value, &length);
    return value;
}

// What the kernel allows to wait in a socket. A payload never takes more than its share of this.
inline std::size_t buffer_size(int fd, int which) {
    return static_cast<std::size_t>(socket_option(fd, which));
}

// A stream of random bytes without end. Its period is a prime, so that a piece lost, doubled or
// moved by any power of two shows.
class Stream {
public:
    static constexpr std::size_t kPeriod = 65521;

    explicit Stream(unsigned seed) {
        std::mt19937 random(seed);
        bytes_.resize(kPeriod);
        for (char& byte : bytes_) byte = static_cast<char>(random());
        bytes_ += bytes_;
    }
    // At most kPeriod bytes.
    std::string_view at(std::uint64_t position, std::size_t size) const {
        return std::string_view(bytes_).substr(position % kPeriod, size);
    }

private:
    std::string bytes_;
};

// One end of a tunnel as its peer sees it.
class FarEnd {
public:
    FarEnd(int fd, unsigned seed_out, unsigned seed_in)
        : peer(fd), random_(seed_out), out_(seed_out), in_(seed_in) {
        io::set_nonblocking(fd);
        io::set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    }

    // So many bytes more to send, in slices of at most `slice`.
    void send_more(std::uint64_t bytes, std::size_t slice = 65000) {
        to_send += bytes;
        slice_ = slice;
    }
    // The end of the stream once everything has been sent.
    void finish() { finish_ = true; }
    // What comes before the stream.
    void expect_first(std::string prefix) { prefix_ = std::move(prefix); }
    // These have been sent on this end's behalf.
    std::string send_early(std::size_t size) {
        std::string early;
        for (; size > 0; size -= std::min(size, Stream::kPeriod)) {
            const auto piece = out_.at(sent, std::min(size, Stream::kPeriod));
            early += piece;
            sent += piece.size();
            to_send += piece.size();
        }
        return early;
    }

    // Sends and reads what is possible now. True if something happened.
    bool step() {
        if (peer.fd() < 0) return false;
        // Once the end has come, reading does not tell of a reset any more.
        if (ended && error == 0) error = socket_option(peer.fd(), SO_ERROR);
        const bool wrote = step_out();
        return (reading && step_in()) || wrote;
    }
    bool all_sent() const { return sent == to_send; }
    // Linux calls it EPIPE if the end of the stream came before.
    bool was_reset() const { return error == ECONNRESET || error == EPIPE; }
    bool over() const { return ended || error != 0; }

    io::Peer peer;
    std::uint64_t to_send = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;  // after the prefix
    bool even_slices = false;    // all of the full size
    bool reading = true;
    bool blocked = false;   // the last try to send was refused
    bool finished = false;  // the end of our stream has been sent
    bool ended = false;     // the end of the other's has come
    int error = 0;          // of sending or reading, the first

private:
    bool step_out() {
        if (error != 0) return false;
        if (all_sent()) {
            if (!finish_ || finished) return false;
            finished = ::shutdown(peer.fd(), SHUT_WR) == 0;
            return finished;
        }
        // Small, middling and large slices alike.
        static constexpr std::size_t kUpTo[] = {64, 4096, Stream::kPeriod};
        std::size_t size = slice_;
        if (!even_slices) size = 1 + random_() % std::min(kUpTo[random_() % 3], slice_);
        size = std::min<std::uint64_t>(size, to_send - sent);
        const auto bytes = out_.at(sent, size);
        const ssize_t put = ::send(peer.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        blocked = put < 0 && errno == EAGAIN;
        if (put > 0) sent += static_cast<std::uint64_t>(put);
        // Whichever call comes first takes the socket's error; the next would see an end.
        if (put < 0 && !blocked && error == 0) error = errno;
        return put > 0;
    }
    bool step_in() {
        if (over()) return false;
        static thread_local char buffer[Stream::kPeriod];
        const std::size_t size = prefix_.empty() ? 1 + random_() % sizeof buffer : prefix_.size();
        const ssize_t got = ::recv(peer.fd(), buffer, size, 0);
        if (got < 0) {
            if (errno == EAGAIN) return false;
            error = errno;
            return true;
        }
        ended = got == 0;
        check({buffer, static_cast<std::size_t>(got)});
        return true;
    }
    void check(std::string_view bytes) {
        if (!prefix_.empty()) {
            ASSERT_EQ(bytes, prefix_.substr(0, bytes.size()));
            prefix_.erase(0, bytes.size());
            return;
        }
        ASSERT_TRUE(bytes == in_.at(received, bytes.size())) << "wrong bytes after " << received;
        received += bytes.size();
    }

    std::mt19937 random_;
    Stream out_;
    Stream in_;
    std::string prefix_;
    std::size_t slice_ = 65000;
    bool finish_ = false;
};

}  // namespace neosocksd::net
