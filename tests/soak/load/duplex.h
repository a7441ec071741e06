// Duplex: one end of a connection that sends one seeded stream and checks another, with pauses on
// both sides. Client and target are made of it; they say what goes before the streams and what an
// end means.

#pragma once

#include <algorithm>
#include <string>

#include "load/reactor.h"
#include "load/stream.h"

namespace neosocksd::soak {

class Duplex : public Actor {
public:
    // `verified` counts the bytes that were right.
    Duplex(Reactor& reactor, int fd, std::uint64_t dice_seed, std::uint64_t& verified)
        : Actor(reactor), dice(dice_seed), verified(verified), fd_(fd) {}

    void begin(std::uint32_t events) {
        reactor.watch(*this, fd_.get(), 0, interest_ = events, true);
    }

    void ready(unsigned, std::uint32_t events) override {
        if (!reading_ && (events & (EPOLLERR | EPOLLHUP))) {
            // After the end of its stream only a reset is left to hear of.
            if (!ended(End::reset, ECONNRESET)) return;
        }
        if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !read_some()) return;
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && !write_some()) return;
        update();
    }
    void timer() override {
        const double now = now_s();
        if (pause_reading_ > 0 && now >= pause_reading_) pause_reading_ = 0;
        if (pause_writing_ > 0 && now >= pause_writing_) pause_writing_ = 0;
        update();
    }

    double last_progress() const { return last_progress_; }
    bool paused() const { return pause_reading_ > 0 || pause_writing_ > 0; }

protected:
    enum class End { clean, reset };

    // Bytes before the stream: returns how many it took, -1 for nonsense, 0 if it removed the
    // actor.
    virtual long head(const unsigned char* data, std::size_t size) = 0;
    // The peer's stream has ended, or the connection is gone. Removes the actor or returns true to
    // go on.
    virtual bool ended(End end, int error) = 0;
    // A byte that is wrong. Removes the actor.
    virtual void corrupt() = 0;
    // All has been sent, or `reset_at` is reached: true if the actor lives on.
    virtual bool sent_all() = 0;
    virtual bool reset_due() { return true; }

    // The last byte of the incoming stream has come: true if the actor lives on.
    virtual bool got_all() { return true; }

    // Both sizes are at least 1. What is said goes before the stream.
    void send_stream(std::uint64_t seed, std::uint64_t size) {
        out_seed_ = seed;
        out_size_ = size;
    }
    void check_stream(std::uint64_t seed, std::uint64_t size) {
        in_seed_ = seed;
        in_size_ = size;
    }
    bool checking() const { return in_size_ > 0; }
    void say(const void* data, std::size_t size) {
        words_.append(static_cast<const char*>(data), size);
    }
    // Says nothing of its stream for so long.
    void hold(double seconds) {
        pause_writing_ = now_s() + seconds;
        reactor.start_timer(*this, seconds);
    }
    bool whole() const { return checking() && in_ == in_size_; }
    bool all_sent() const { return out_size_ > 0 && words_.empty() && out_ == out_size_; }

    void update() {
        const bool wants_write =
            !words_.empty() || (out_size_ > 0 && !told_sent_ && pause_writing_ == 0);
        const std::uint32_t wanted = (reading_ && pause_reading_ == 0 ? unsigned{EPOLLIN} : 0U) |
                                     (wants_write ? unsigned{EPOLLOUT} : 0U);
        if (wanted == interest_) return;
        reactor.watch(*this, fd_.get(), 0, interest_ = wanted);
    }

    Dice dice;
    std::uint64_t& verified;
    // Pauses come after a burst; 0: never.
    unsigned pause_permille = 0;
    double pause_longest = 0;
    std::uint64_t reset_at = Order::kNever;
    std::uint64_t in_ = 0;
    std::uint64_t out_ = 0;

    Fd fd_;

private:
    static constexpr std::size_t kPiece = 64 * 1024;

    bool read_some() {
        if (!reading_) return true;
        unsigned char data[kPiece];
        const ssize_t got =
            ::recv(fd_.get(), data, std::min<std::size_t>(kPiece, 1 + dice.below(kPiece)), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (got < 0) return ended(End::reset, errno);
        if (got == 0) {
            reading_ = false;
            return ended(End::clean, 0);
        }
        last_progress_ = now_s();
        auto size = static_cast<std::size_t>(got);
        const unsigned char* at = data;
        while (!checking() && size > 0) {
            const long used = head(at, size);
            if (used < 0) {
                corrupt();
                return false;
            }
            if (used == 0) return false;
            at += used;
            size -= static_cast<std::size_t>(used);
        }
        if (size == 0) return true;
        if (in_ + size > in_size_ || !matches(in_seed_, in_, at, size)) {
            corrupt();
            return false;
        }
        in_ += size;
        verified += size;
        if (in_ == in_size_) return got_all();
        maybe_pause(pause_reading_);
        return true;
    }

    bool write_some() {
        if (!words_.empty()) {
            const ssize_t put = ::send(fd_.get(), words_.data(), words_.size(), MSG_NOSIGNAL);
            if (put < 0) return errno == EAGAIN || errno == EINTR || ended(End::reset, errno);
            words_.erase(0, static_cast<std::size_t>(put));
            last_progress_ = now_s();
            return true;
        }
        if (out_size_ == 0 || told_sent_ || pause_writing_ > 0) return true;
        if (out_ < out_size_ && out_ < reset_at) {
            unsigned char data[kPiece];
            const std::uint64_t size =
                std::min({out_size_ - out_, reset_at - out_, 1 + dice.below(kPiece)});
            fill(out_seed_, out_, data, size);
            const ssize_t put = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
            if (put < 0) return errno == EAGAIN || errno == EINTR || ended(End::reset, errno);
            out_ += static_cast<std::uint64_t>(put);
            last_progress_ = now_s();
            maybe_pause(pause_writing_);
        }
        if (out_ >= reset_at) return reset_due();
        if (out_ < out_size_) return true;
        told_sent_ = true;
        return sent_all();
    }

    void maybe_pause(double& until) {
        if (until > 0 || !dice.chance(pause_permille)) return;
        const double length = pause_longest * static_cast<double>(dice.below(1000)) / 1000;
        until = now_s() + length;
        reactor.start_timer(*this, length);
    }

    std::string words_;
    std::uint64_t out_seed_ = 0, out_size_ = 0;
    std::uint64_t in_seed_ = 0, in_size_ = 0;
    double pause_reading_ = 0, pause_writing_ = 0;
    double last_progress_ = now_s();
    std::uint32_t interest_ = 0;
    bool reading_ = true;
    bool told_sent_ = false;
};

}  // namespace neosocksd::soak
