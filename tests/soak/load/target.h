// The target: an origin that does what each connection's Order says, for tunnels and for plain HTTP
// requests, and checks every byte.

#pragma once

#include <cstdio>
#include <string>

#include "load/duplex.h"

namespace neosocksd::soak {

struct TargetTally {
    std::uint64_t accepted = 0;
    std::uint64_t complete = 0;   // both streams whole, both ends in order
    std::uint64_t aborted = 0;    // by a reset from the other side
    std::uint64_t planned = 0;    // resets of ours
    std::uint64_t headless = 0;   // ended before the order was there
    std::uint64_t truncated = 0;  // an end in order before the stream was whole: a lost byte
    std::uint64_t corrupt = 0;
    std::uint64_t bytes = 0;  // right ones
};

inline double g_pause_longest = 3;

class TargetEnd : public Duplex {
public:
    TargetEnd(Reactor& reactor, int fd, TargetTally& tally)
        : Duplex(reactor, fd, std::uint64_t(fd) ^ tally.accepted << 20, tally.bytes),
          tally_(tally) {}

protected:
    long head(const unsigned char* data, std::size_t size) override {
        const std::size_t before = text_.size();
        text_.append(reinterpret_cast<const char*>(data), size);
        std::size_t at = 0;
        if (text_[0] == 'P') {
            const auto end = text_.find("\r\n\r\n");
            if (end == std::string::npos) return text_.size() > 8192 ? -1 : long(size);
            at = end + 4;
        }
        if (text_.size() < at + sizeof(Order)) return long(size);
        Order order;
        std::memcpy(&order, text_.data() + at, sizeof order);
        if (order.magic != Order::kMagic || order.up == 0 || order.down == 0) return -1;
        text_.clear();
        start(order);
        return long(at + sizeof order - before);
    }

    bool ended(End end, int) override {
        if (end == End::reset || !checking()) {
            (checking() ? tally_.aborted : tally_.headless)++;
            return leave();
        }
        if (whole()) {
            peer_ended_ = true;
            return !all_sent() || complete();
        }
        // A body whose length was announced tells by itself that it is cut.
        if (flags_ & (Order::kMayEndEarly | Order::kHttp)) {
            tally_.aborted++;
        } else {
            tally_.truncated++;
            std::printf("{\"finding\": \"target: end after %lu of %lu bytes\", \"seed\": %lu}\n",
                        in_, up_, seed_);
        }
        return leave();
    }
    void corrupt() override {
        tally_.corrupt++;
        std::printf("{\"finding\": \"target: wrong byte at %lu of %lu\", \"seed\": %lu}\n", in_,
                    up_, seed_);
        leave();
    }
    bool sent_all() override {
        if (flags_ & Order::kHttp) return !whole() || complete();
        ::shutdown(fd_.get(), SHUT_WR);
        return !peer_ended_ || complete();
    }
    bool got_all() override {
        // A proxy need not pass on the rest of a request that has been answered already.
        if (flags_ & Order::kHttp) answer();
        return true;
    }
    bool reset_due() override {
        tally_.planned++;
        return leave();
    }

private:
    void start(const Order& order) {
        flags_ = order.flags;
        seed_ = order.seed;
        up_ = order.up;
        reset_at = order.reset_at;
        Dice play(mix(order.seed + 2));
        pause_permille = play.chance(500) ? 30 : 0;
        pause_longest = g_pause_longest;
        check_stream(order.seed, order.up);
        down_ = order.down;
        if (!(flags_ & Order::kHttp)) send_stream(mix(seed_), down_);
    }
    void answer() {
        const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(down_) +
                                 "\r\nConnection: close\r\n\r\n";
        say(head.data(), head.size());
        send_stream(mix(seed_), down_);
    }
    bool complete() {
        tally_.complete++;
        reactor.remove(*this);
        return false;
    }
    bool leave() {
        fd_.reset();
        reactor.remove(*this);
        return false;
    }

    TargetTally& tally_;
    std::string text_;
    std::uint64_t flags_ = 0, seed_ = 0, up_ = 0, down_ = 0;
    bool peer_ended_ = false;
};

class TargetListener : public Actor {
public:
    TargetListener(Reactor& reactor, int fd, TargetTally& tally)
        : Actor(reactor), fd_(fd), tally_(tally) {}
    void begin() { reactor.watch(*this, fd_, 0, EPOLLIN, true); }
    void ready(unsigned, std::uint32_t) override {
        for (int i = 0; i < 64; i++) {
            const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            tally_.accepted++;
            reactor.add<TargetEnd>(fd, tally_).begin(EPOLLIN);
        }
    }

private:
    int fd_;
    TargetTally& tally_;
};

}  // namespace neosocksd::soak
