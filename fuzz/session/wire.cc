// One turn of a wire: perhaps nothing, perhaps its fault, else a send and a receive.

#include "fuzz/session/wire.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "io/socket.h"

namespace neosocksd::fuzz {
namespace {

constexpr unsigned kStallTurns = 400;

}  // namespace

Manner draw_manner(Dice& dice, bool may_flip) {
    Manner manner;
    if (dice.chance(50)) {
        manner.fault = dice.one_of({Fault::reset, Fault::close, Fault::finish, Fault::stall,
                                    Fault::reset, may_flip ? Fault::flip : Fault::reset});
        manner.fault_step = static_cast<std::uint32_t>(dice.chance(60)   ? dice.pick(6)
                                                       : dice.chance(80) ? dice.pick(40)
                                                                         : dice.pick(1000));
    }
    manner.slice = dice.one_of<std::size_t>({1, 3, 40, 1460, 16384, 65536, 65536});
    manner.lazy = dice.one_of<unsigned>({0, 0, 0, 20, 60, 80});
    if (dice.chance(20)) manner.buffers = 4096;
    return manner;
}

Wire::Wire(int fd, const Manner& manner, std::uint64_t seed)
    : fd_(fd), manner_(manner), dice_(seed) {
    if (manner.buffers == 0) return;
    io::set_option(fd, SOL_SOCKET, SO_SNDBUF, manner.buffers);
    io::set_option(fd, SOL_SOCKET, SO_RCVBUF, manner.buffers);
}

void Wire::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void Wire::reset() {
    if (fd_ < 0) return;
    io::reset_on_close(fd_);
    reset_ = true;
    close();
}

bool Wire::step(std::string& in) {
    if (!open()) return false;
    if (stalled_ > 0) {
        if (--stalled_ == 0 && reset_after_stall_) reset();
        return false;
    }
    if (dice_.chance(manner_.lazy)) return false;
    if (manner_.fault != Fault::none && steps_ >= manner_.fault_step) {
        // A bit needs a byte.
        if (manner_.fault != Fault::flip || unsent() > 0) {
            misbehave();
            if (!open() || stalled_ > 0) return true;
        }
    }
    const bool sent = send_some();
    const bool received = receive_some(in);
    if (sent || received) {
        steps_++;
        idle_turns_ = 0;
    } else if (manner_.patience > 0 && ++idle_turns_ > manner_.patience) {
        misbehaved_ = true;
        reset();
        return true;
    }
    return sent || received;
}

void Wire::misbehave() {
    misbehaved_ = true;
    switch (manner_.fault) {
    case Fault::none: break;
    case Fault::reset: reset(); break;
    case Fault::close: close(); break;
    case Fault::finish:
        cut_short_ = ::shutdown(fd_, SHUT_WR) == 0;
        out_.clear();
        sent_ = 0;
        break;
    case Fault::stall:
        stalled_ = kStallTurns;
        reset_after_stall_ = dice_.chance(50);
        break;
    case Fault::flip: {
        const std::size_t at = sent_ + dice_.pick(unsent());
        out_[at] = static_cast<char>(out_[at] ^ (1 << dice_.pick(8)));
        break;
    }
    }
    manner_.fault = Fault::none;
}

bool Wire::send_some() {
    if (error_ != 0 || cut_short_ || finished_) return false;
    if (unsent() == 0) {
        if (!finishing_) return false;
        if (::shutdown(fd_, SHUT_WR) == 0)
            finished_ = true;
        else
            error_ = errno;
        return true;
    }
    const std::size_t size = 1 + dice_.pick(std::min(unsent(), manner_.slice));
    const ssize_t put = ::send(fd_, out_.data() + sent_, size, MSG_NOSIGNAL);
    if (put < 0) {
        if (errno == EAGAIN) return false;
        // Whichever call comes first takes the socket's error; a read would see an end.
        error_ = errno;
        return true;
    }
    sent_ += static_cast<std::size_t>(put);
    if (sent_ == out_.size() || sent_ > 65536) {
        out_.erase(0, sent_);
        sent_ = 0;
    }
    return true;
}

bool Wire::receive_some(std::string& in) {
    if (ended_ || error_ != 0) return false;
    static std::array<char, 65536> buffer;
    const std::size_t size = std::min(manner_.slice * 2, buffer.size());
    const ssize_t got = ::recv(fd_, buffer.data(), size, 0);
    if (got < 0) {
        if (errno == EAGAIN) return false;
        error_ = errno;
        return true;
    }
    ended_ = got == 0;
    in.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

}  // namespace neosocksd::fuzz
