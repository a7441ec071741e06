// One client session through the proxy: a seed decides its kind, its way, its streams and how it
// ends; what it sees decides where it is counted.

#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "load/duplex.h"
#include "load/target.h"

namespace neosocksd::soak {

enum class Kind : unsigned { socks4, socks4a, socks5, socks5h, connect, http, forward };
inline constexpr std::array<const char*, 7> kKindNames = {"socks4",  "socks4a", "socks5", "socks5h",
                                                          "connect", "http",    "forward"};

struct ClientTally {
    std::uint64_t started = 0;
    std::uint64_t complete = 0;       // both streams whole, both ends in order
    std::uint64_t aborted = 0;        // the other side reset it, or a proxy on the way died
    std::uint64_t aborted_plain = 0;  // of them those for which only a kill is a reason
    std::uint64_t refused = 0;        // the proxy said no
    std::uint64_t failed = 0;         // it ended before it answered
    std::uint64_t failed_plain = 0;
    std::uint64_t planned = 0;    // resets of ours
    std::uint64_t truncated = 0;  // an end in order before the stream was whole: a lost byte
    std::uint64_t corrupt = 0;
    std::uint64_t hung = 0;
    std::uint64_t bytes = 0;  // right ones
    std::uint64_t up = 0;    // of sessions that were complete: what the target got, orders included
    std::uint64_t down = 0;  // and what came back
    std::array<std::uint64_t, kKindNames.size()> complete_kind{};
    std::array<std::uint64_t, kKindNames.size()> aborted_kind{};  // of aborted_plain
    std::vector<float> setups_ms;                                 // since they were last looked at
};

struct ClientPlan {
    std::uint16_t proxy = 0, forward = 0, gate = 0, target = 0;  // ports; 0: none
    unsigned reset_permille = 100;                               // by each side
    unsigned gate_permille = 100;  // through the gate before the proxy
    unsigned hop_permille = 0;     // names that the rules send another way
    std::uint64_t largest = 4 << 20;
    double hold = 0;  // seconds at most before the client sends its stream
    bool http = true;
};

class Client : public Duplex {
public:
    Client(Reactor& reactor, int fd, const ClientPlan& plan, std::uint64_t seed, ClientTally& tally)
        : Duplex(reactor, fd, mix(seed + 3), tally.bytes), plan_(plan), tally_(tally) {
        tally.started++;
        Dice play(seed);
        order_.seed = mix(seed);
        order_.up = size(play);
        order_.down = size(play);
        kind_ = choose_kind(play);
        through_gate = kind_ != Kind::forward && plan.gate && play.chance(plan.gate_permille);
        if (play.chance(plan.reset_permille)) reset_at = play.below(order_.up);
        if (play.chance(plan.reset_permille)) order_.reset_at = play.below(order_.down);
        pause_permille = play.chance(700) ? 60 : 0;
        pause_longest = g_pause_longest;
        if (kind_ == Kind::http) order_.flags |= Order::kHttp;
        hold_ = plan.hold * double(play.below(1000)) / 1000;
        target_ = choose_target(play);
        plain_ = !through_gate && !detour_ && reset_at == Order::kNever &&
                 order_.reset_at == Order::kNever;
        eager_ = play.chance(500);
    }

    // The port to dial.
    static std::uint16_t port(const ClientPlan& plan, std::uint64_t seed) {
        Dice play(seed);
        size(play, plan.largest);
        size(play, plan.largest);
        const Kind kind = choose_kind(play, plan);
        if (kind == Kind::forward) return plan.forward;
        return plan.gate && play.chance(plan.gate_permille) ? plan.gate : plan.proxy;
    }

    void start() {
        begin(EPOLLIN | EPOLLOUT);
        switch (kind_) {
        case Kind::socks4:
        case Kind::socks4a: {
            std::string text = {4, 1, char(plan_.target >> 8), char(plan_.target & 255)};
            if (kind_ == Kind::socks4)
                text += std::string{127, 0, 0, char(last_)} + "soak" + '\0';
            else
                text += std::string{0, 0, 0, 1} + "soak" + '\0' + target_ + '\0';
            say(text.data(), text.size());
            break;
        }
        case Kind::socks5:
        case Kind::socks5h:
            say("\5\1\0", 3);
            if (eager_) say_socks5_request();
            break;
        case Kind::connect: {
            const std::string name = target_ + ":" + std::to_string(plan_.target);
            const std::string text = "CONNECT " + name + " HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
            say(text.data(), text.size());
            break;
        }
        case Kind::http: {
            const std::string name = target_ + ":" + std::to_string(plan_.target);
            const std::string text =
                "POST http://" + name + "/soak HTTP/1.1\r\nHost: " + name +
                "\r\nContent-Length: " + std::to_string(order_.up + sizeof order_) +
                "\r\nConnection: close\r\n\r\n";
            say(text.data(), text.size());
            say(&order_, sizeof order_);
            hold(std::min(hold_, 10.0));  // a request that stalls for long is given up (-t)
            send_stream(order_.seed, order_.up);
            break;
        }
        case Kind::forward: established(); break;
        }
    }

    // Called every second.
    void check_progress(double patience) {
        if (paused() || now_s() - last_progress() < patience) return;
        tally_.hung++;
        report("hangs");
        leave();
    }

    bool through_gate = false;

protected:
    long head(const unsigned char* data, std::size_t size) override {
        text_.append(reinterpret_cast<const char*>(data), size);
        const std::size_t before = text_.size() - size;
        std::size_t length = 0;  // of the reply
        bool good = false;
        switch (kind_) {
        case Kind::socks4:
        case Kind::socks4a:
            length = 8;
            good = text_.size() >= 2 && text_[1] == 0x5a;
            break;
        case Kind::socks5:
        case Kind::socks5h:
            if (!chosen_) {
                if (text_.size() < 2) return long(size);
                if (text_[0] != 5 || text_[1] != 0) return -1;
                chosen_ = true;
                text_.clear();
                if (!eager_) say_socks5_request();
                return long(2 - before);
            }
            length = text_.size() > 3 && text_[3] == 4 ? 22 : 10;
            good = text_.size() >= 2 && text_[1] == 0;
            break;
        case Kind::connect:
        case Kind::http: {
            const auto end = text_.find("\r\n\r\n");
            length = end == std::string::npos ? 8192 : end + 4;
            good = text_.starts_with("HTTP/1.1 200 ");
            break;
        }
        case Kind::forward: return -1;
        }
        if (text_.size() < length) return long(size);
        if (!good) {
            tally_.refused++;
            fd_.close();
            reactor.remove(*this);
            return 0;
        }
        if (kind_ == Kind::http) {
            check_stream(mix(order_.seed), order_.down);
        } else {
            tally_.setups_ms.push_back(static_cast<float>((now_s() - started_) * 1000));
            established();
        }
        return long(length - before);
    }

    bool ended(End end, int) override {
        if (!checking()) {
            tally_.failed++;
            if (plain_) tally_.failed_plain++;
            return leave();
        }
        if (end == End::clean && whole()) {
            peer_ended_ = true;
            return !all_sent() || complete();
        }
        if (end == End::reset || kind_ == Kind::http || (order_.flags & Order::kMayEndEarly)) {
            tally_.aborted++;
            if (plain_) {
                tally_.aborted_plain++;
                tally_.aborted_kind[unsigned(kind_)]++;
            }
        } else {
            tally_.truncated++;
            report("ends early");
        }
        return leave();
    }
    void corrupt() override {
        tally_.corrupt++;
        report("gets a wrong byte");
        leave();
    }
    bool sent_all() override {
        if (kind_ == Kind::http) return !whole() || complete();
        ::shutdown(fd_.get(), SHUT_WR);
        return !peer_ended_ || complete();
    }
    bool got_all() override { return kind_ != Kind::http || !all_sent() || complete(); }
    bool reset_due() override {
        tally_.planned++;
        return leave();
    }

private:
    // Most are small, some are large enough to be spliced.
    static std::uint64_t size(Dice& play, std::uint64_t largest) {
        const unsigned bits = 1 + unsigned(play.below(play.chance(50) ? 22 : 16));
        return std::min<std::uint64_t>(largest, 1 + play.below(std::uint64_t{1} << bits));
    }
    std::uint64_t size(Dice& play) const { return size(play, plan_.largest); }
    static Kind choose_kind(Dice& play, const ClientPlan& plan) {
        const Kind kind = Kind(play.below(kKindNames.size()));
        if (kind == Kind::forward && !plan.forward) return Kind::socks5;
        if (kind == Kind::http && !plan.http) return Kind::connect;
        return kind;
    }
    Kind choose_kind(Dice& play) const { return choose_kind(play, plan_); }

    // The rules know what the names mean.
    std::string choose_target(Dice& play) {
        last_ = 2 + unsigned(play.below(200));
        if (kind_ == Kind::socks4 || kind_ == Kind::socks5)
            return "127.0.0." + std::to_string(last_);
        if (kind_ == Kind::forward || !play.chance(plan_.hop_permille)) return "direct.soak";
        static constexpr std::array kDetours = {"gate.soak", "hop.soak", "gatehop.soak"};
        const std::size_t detour = play.below(kDetours.size());
        detour_ = true;
        if (detour > 0) order_.flags |= Order::kMayEndEarly;
        return kDetours[detour];
    }
    void say_socks5_request() {
        std::string text = {5, 1, 0};
        if (kind_ == Kind::socks5)
            text += std::string{1, 127, 0, 0, char(last_)};
        else
            text += std::string{3, char(target_.size())} + target_;
        text += std::string{char(plan_.target >> 8), char(plan_.target & 255)};
        say(text.data(), text.size());
    }
    void established() {
        say(&order_, sizeof order_);
        hold(hold_);
        send_stream(order_.seed, order_.up);
        check_stream(mix(order_.seed), order_.down);
    }
    bool complete() {
        tally_.complete++;
        tally_.complete_kind[unsigned(kind_)]++;
        tally_.up += order_.up + sizeof order_;
        tally_.down += order_.down;
        reactor.remove(*this);
        return false;
    }
    bool leave() {
        fd_.reset();
        reactor.remove(*this);
        return false;
    }
    void report(const char* what) const {
        std::printf(
            "{\"finding\": \"client %s to %s%s %s: in %lu of %lu, out %lu of %lu\", "
            "\"seed\": %lu}\n",
            kKindNames[unsigned(kind_)], target_.c_str(), through_gate ? " by the gate" : "", what,
            in_, order_.down, out_, order_.up, order_.seed);
    }

    const ClientPlan& plan_;
    ClientTally& tally_;
    Order order_;
    Kind kind_ = Kind::socks5;
    std::string target_;
    std::string text_;
    unsigned last_ = 1;
    double started_ = now_s();
    double hold_ = 0;
    bool plain_ = false;
    bool eager_ = false;
    bool detour_ = false;
    bool chosen_ = false;
    bool peer_ended_ = false;
};

}  // namespace neosocksd::soak
