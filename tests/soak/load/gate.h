// The gate: a bad stretch of network for thousands of connections. It slices, delays, stalls and
// resets, and corrupts nothing; an end of stream passes as one, a reset as one.
// tests/support/gate.py is the same for a few connections.

#pragma once

#include <string>

#include "load/reactor.h"
#include "load/stream.h"

namespace neosocksd::soak {

struct GateTally {
    std::uint64_t accepted = 0;
    std::uint64_t reset = 0;  // by the gate's own will
    std::uint64_t bytes = 0;
};

class GatePass : public Actor {
public:
    GatePass(Reactor& reactor, int client, int target, std::uint64_t seed, GateTally& tally)
        : Actor(reactor), dice_(seed), tally_(tally), fds_{Fd(client), Fd(target)} {
        const std::uint64_t mood = dice_.below(100);
        if (mood < 15) slice_ = 1 + dice_.below(900);
        if (mood >= 10 && mood < 30) stall_permille_ = 5;
        if (mood >= 20 && mood < 50) delay_permille_ = 50;
        if (mood >= 50 && mood < 60) left_ = 1 + dice_.below(std::uint64_t{1} << dice_.below(20));
    }
    void begin() {
        for (unsigned side : {0U, 1U}) {
            interest_[side] = EPOLLIN | (side == 1 ? unsigned{EPOLLOUT} : 0U);
            reactor.watch(*this, fds_[side].get(), side, interest_[side], true);
        }
    }
    void ready(unsigned side, std::uint32_t events) override {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && !flush(side)) return;
        if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !take(side)) return;
        if ((events & EPOLLHUP) && done_[0] && done_[1]) {
            reactor.remove(*this);
            return;
        }
        update();
    }
    void timer() override {
        if (now_s() >= until_) until_ = 0;
        update();
    }
    // To both sides, and the end of this object.
    bool abort() {
        for (Fd& fd : fds_) fd.reset();
        reactor.remove(*this);
        return false;
    }

private:
    // What `side` has sent waits in held_[side] for the other one.
    bool take(unsigned side) {
        if (done_[side] || !held_[side].empty() || until_ > 0) {
            // A reset is all that could be heard of now.
            int error = 0;
            socklen_t length = sizeof error;
            ::getsockopt(fds_[side].get(), SOL_SOCKET, SO_ERROR, &error, &length);
            return error == 0 || abort();
        }
        char data[16 * 1024];
        const ssize_t got = ::recv(fds_[side].get(), data, std::min(slice_, sizeof data), 0);
        if (got < 0) return errno == EAGAIN || errno == EINTR || abort();
        if (got == 0) {
            done_[side] = true;
            ::shutdown(fds_[1 - side].get(), SHUT_WR);
            if (!done_[1 - side] || !held_[1 - side].empty()) return true;
            reactor.remove(*this);
            return false;
        }
        held_[side].assign(data, std::size_t(got));
        tally_.bytes += std::uint64_t(got);
        if (left_ <= std::uint64_t(got)) {
            tally_.reset++;
            return abort();
        }
        left_ -= std::uint64_t(got);
        if (dice_.chance(stall_permille_))
            pause(4);
        else if (dice_.chance(delay_permille_))
            pause(0.05);
        return until_ > 0 || flush(1 - side);
    }
    // To `side`.
    bool flush(unsigned side) {
        std::string& held = held_[1 - side];
        if (held.empty() || until_ > 0) return true;
        const ssize_t put = ::send(fds_[side].get(), held.data(), held.size(), MSG_NOSIGNAL);
        if (put < 0) return errno == EAGAIN || errno == EINTR || abort();
        held.erase(0, std::size_t(put));
        return true;
    }
    void pause(double longest) {
        const double length = longest * double(dice_.below(1000)) / 1000;
        until_ = now_s() + length;
        reactor.start_timer(*this, length);
    }
    void update() {
        for (unsigned side : {0U, 1U}) {
            const bool in = !done_[side] && held_[side].empty() && until_ == 0;
            const bool out = !held_[1 - side].empty() && until_ == 0;
            const std::uint32_t wanted =
                (in ? unsigned{EPOLLIN} : 0U) | (out ? unsigned{EPOLLOUT} : 0U);
            if (wanted != interest_[side])
                reactor.watch(*this, fds_[side].get(), side, interest_[side] = wanted);
        }
    }

    Dice dice_;
    GateTally& tally_;
    Fd fds_[2];
    std::string held_[2];
    bool done_[2] = {false, false};
    std::uint32_t interest_[2] = {0, 0};
    std::size_t slice_ = 16 * 1024;
    unsigned stall_permille_ = 0, delay_permille_ = 0;
    std::uint64_t left_ = ~std::uint64_t{0};  // until it resets
    double until_ = 0;                        // pauses
};

// Listens for the target's or the proxy's sake; can die for a while.
class Gate : public Actor {
public:
    Gate(Reactor& reactor, std::uint16_t target, bool spread, std::uint64_t seed, GateTally& tally)
        : Actor(reactor), target_(target), spread_(spread), dice_(seed), tally_(tally) {}

    std::uint16_t open() {
        fd_ = listen_somewhere(port_);
        reactor.watch(*this, fd_, 0, EPOLLIN, true);
        return port_;
    }
    void ready(unsigned, std::uint32_t) override {
        for (int i = 0; i < 64 && fd_ >= 0; i++) {
            const int client = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client < 0) return;
            tally_.accepted++;
            const std::uint32_t last = spread_ ? 2 + std::uint32_t(dice_.below(200)) : 1;
            const int target = dial(last, target_, 1 + std::uint32_t(dice_.below(200)));
            if (target < 0) {
                Fd(client).reset();
                continue;
            }
            const int on = 1;
            ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            reactor.add<GatePass>(client, target, dice_.next(), tally_).begin();
        }
    }
    // Resets everything and refuses connections for so long.
    void die_for(double seconds) {
        ::close(fd_);
        fd_ = -1;
        reactor.for_each([](Actor& actor) {
            if (auto* pass = dynamic_cast<GatePass*>(&actor)) pass->abort();
        });
        reactor.start_timer(*this, seconds);
    }
    void timer() override {
        fd_ = listen_on(port_);
        if (fd_ < 0)
            reactor.start_timer(*this, 0.1);
        else
            reactor.watch(*this, fd_, 0, EPOLLIN, true);
    }

private:
    int fd_ = -1;
    std::uint16_t port_ = 0, target_;
    bool spread_;
    Dice dice_;
    GateTally& tally_;
};

}  // namespace neosocksd::soak
