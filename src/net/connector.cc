// Tested by connector_test.cc.

#include "net/connector.h"

#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/await.h"

namespace neosocksd::net {
namespace {

constexpr const char* kBindToDevice = "SO_BINDTODEVICE";
constexpr const char* kSetMark = "SO_MARK";
constexpr const char* kBindSource = "bind";

// The race between several addresses, as an awaitable. It ends when every attempt has.
class Race : io::Scope::Wait {
public:
    Race(io::Loop& loop, const std::vector<VettedEndpoint>& candidates,
         const OutgoingOptions& options)
        : loop_(loop), candidates_(candidates), options_(options), stagger_(*this) {}

    bool await_ready() const noexcept { return false; }

    template <typename P>
    bool await_suspend(std::coroutine_handle<P> waiter) {
        scope_ = waiter.promise().scope;
        if (scope_->cancelled()) {
            error_.code = scope_->reason();
            return false;
        }
        starting_ = true;
        start_next();
        starting_ = false;
        if (running_ == 0) return false;
        waiter_ = waiter;
        scope_->enter(*this);
        return true;
    }

    // The winner's place among the candidates, or the last error.
    Result<std::size_t> await_resume() const {
        if (winner_ == kNone) return std::unexpected(error_);
        return winner_;
    }

    void hand_over(io::Socket& out) { loop_.engine().move(attempts_[winner_]->socket, out); }

private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    struct Attempt : io::Op {
        Attempt(Race& owner, std::size_t place) : Op(&Race::completed), race(owner), index(place) {}
        Race& race;
        std::size_t index;
        io::Socket socket;
        sockaddr_storage address;
    };
    struct Stagger : io::Timer {
        explicit Stagger(Race& owner)
            : Timer([](Timer& timer) { static_cast<Stagger&>(timer).race.start_next(); }),
              race(owner) {}
        Race& race;
    };

    static void completed(io::Op& op, int result) {
        auto& attempt = static_cast<Attempt&>(op);
        attempt.race.running_--;
        attempt.race.attempt_done(attempt, result);
    }

    // Starts attempts until one is under way.
    void start_next() {
        while (next_ < candidates_.size() && !over_) {
            const std::size_t index = next_++;
            attempts_.push_back(std::make_unique<Attempt>(*this, index));
            Attempt& attempt = *attempts_.back();
            const Endpoint& endpoint = candidates_[index].endpoint();
            const auto fd = open_outgoing(endpoint.ip.is_v4() ? AF_INET : AF_INET6, options_);
            if (!fd) {
                error_ = fd.error();
                continue;
            }
            attempt.socket.adopt(*fd);
            const socklen_t length = endpoint.to_sockaddr(attempt.address);
            const int result = loop_.engine().connect(
                attempt.socket, reinterpret_cast<sockaddr*>(&attempt.address), length, attempt);
            if (result == io::kPending) {
                running_++;
                if (next_ < candidates_.size())
                    loop_.start_timer(stagger_, limits::kConnectStagger);
                return;
            }
            settle(attempt, result);
        }
        finish_if_done();
    }

    void settle(Attempt& attempt, int result) {
        if (result == 0 && winner_ == kNone && !scope_->cancelled()) {
            winner_ = attempt.index;
            give_up_others();
            return;
        }
        if (result < 0 && !over_) error_ = {-result, "connect"};
        loop_.engine().close(attempt.socket);
    }

    void attempt_done(Attempt& attempt, int result) {
        settle(attempt, result);
        if (!over_) {
            loop_.stop_timer(stagger_);
            start_next();
        } else {
            finish_if_done();
        }
    }

    void give_up_others() {
        over_ = true;
        loop_.stop_timer(stagger_);
        for (const auto& attempt : attempts_)
            if (attempt->pending()) loop_.engine().cancel(*attempt);
    }

    void cancel() override {
        error_ = {scope_->reason(), "connect"};
        give_up_others();
    }

    void finish_if_done() {
        if (running_ > 0 || starting_) return;
        if (winner_ == kNone && !over_ && next_ < candidates_.size()) return;
        loop_.stop_timer(stagger_);
        io::Scope::Wait::unlink();
        waiter_.resume();
    }

    io::Loop& loop_;
    const std::vector<VettedEndpoint>& candidates_;
    const OutgoingOptions& options_;
    Stagger stagger_;
    std::vector<std::unique_ptr<Attempt>> attempts_;
    std::coroutine_handle<> waiter_;
    io::Scope* scope_ = nullptr;
    std::size_t next_ = 0;
    std::size_t running_ = 0;
    std::size_t winner_ = kNone;
    Error error_{EHOSTUNREACH, "connect"};
    bool over_ = false;      // won, or cancelled
    bool starting_ = false;  // inside await_suspend: the waiter is not waiting yet
};

int bind_source(int fd, int family, const SourceAddresses& source) {
    const auto& ip = family == AF_INET ? source.v4 : source.v6;
    if (!ip) return EADDRNOTAVAIL;
    // The port is chosen at connect(2), by the whole address pair: or there would be no more than
    // one connection for each local port. The option's level is IP for both families.
    io::set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    sockaddr_storage storage;
    const socklen_t length = Endpoint{*ip, 0}.to_sockaddr(storage);
    return ::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

}  // namespace

std::string explain_outgoing(const Error& error, const OutgoingOptions& options) {
    std::string text = std::strerror(error.code);
    const std::string_view operation = error.operation;
    if (operation == kBindToDevice)
        return fmt::format("{} (binding to interface `{}')", text, options.interface);
    if (operation == kSetMark) return fmt::format("{} (setting mark {:#x})", text, options.mark);
    if (operation != kBindSource) return text;
    const auto& [v4, v6] = options.source;
    return fmt::format("{} (binding to source address {}{}{})", text, v4 ? v4->to_string() : "",
                       v4 && v6 ? "," : "", v6 ? v6->to_string() : "");
}

// The operations' names are for explain_outgoing().
Result<void> place_outgoing(int fd, int family, const OutgoingOptions& options) {
    if (!options.interface.empty() &&
        ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                     static_cast<socklen_t>(options.interface.size())) != 0)
        return system_failure(kBindToDevice);
    if (options.mark != 0) {
        const int error = io::set_option(fd, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark));
        if (error != 0) return failure(-error, kSetMark);
    }
    if (options.source.any()) {
        const int error = bind_source(fd, family, options.source);
        if (error != 0) return failure(error, kBindSource);
    }
    return {};
}

Result<int> open_outgoing(int family, const OutgoingOptions& options) {
    const int fd = io::open_tcp_socket(family);
    if (fd < 0) return failure(-fd, "socket");
    const auto placed = place_outgoing(fd, family, options);
    if (!placed) {
        ::close(fd);
        return std::unexpected(placed.error());
    }
    apply(fd, options.socket);
    if (options.fastopen) io::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT);
    return fd;
}

io::Task<Result<VettedEndpoint>> connect_first(io::Loop& loop, io::Socket& out,
                                               const std::vector<VettedEndpoint>& candidates,
                                               const OutgoingOptions& options) {
    if (candidates.size() == 1) {
        // The common case, without a race.
        const VettedEndpoint& peer = candidates.front();
        const auto fd = open_outgoing(peer.endpoint().ip.is_v4() ? AF_INET : AF_INET6, options);
        if (!fd) co_return std::unexpected(fd.error());
        out.adopt(*fd);
        const auto connected = co_await io::connect(loop, out, peer.endpoint());
        if (connected) co_return peer;
        loop.engine().close(out);
        co_return std::unexpected(connected.error());
    }
    Race race(loop, candidates, options);
    const auto winner = co_await race;
    if (!winner) co_return std::unexpected(winner.error());
    race.hand_over(out);
    co_return candidates[*winner];
}

}  // namespace neosocksd::net
