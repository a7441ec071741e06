// See client.h. The proxy is spoken to by our own client machine, which has fuzz targets of its
// own.

#include "fuzz/session/client.h"

#include <array>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/session/sockets.h"
#include "proto/proxy_protocol.h"
#include "proto/socks5_udp.h"

namespace neosocksd::fuzz {
namespace {

constexpr unsigned kDatagrams = 12;

}  // namespace

Client::Client(const Plan& plan, const Places& places, bool check)
    : plan_(plan),
      places_(places),
      check_(check),
      traffic_(plan.up_seed(), plan.down_seed(), plan.up) {}

HostPort Client::target() const {
    std::uint16_t port = places_.far_port;
    if (plan_.ask == Ask::datagrams) port = 0;
    if (plan_.aim == Aim::closed) port = 1;
    if (plan_.aim == Aim::own) return HostPort::literal({loopback(0, 0, 1), places_.proxy_port});
    if (plan_.literal || plan_.ask == Ask::datagrams || plan_.ask == Ask::bind)
        return HostPort::literal({loopback(1, 0, plan_.id), port});
    return HostPort::named(plan_.name(), port);
}

void Client::begin() {
    begun_ = true;
    const bool forward = plan_.ask == Ask::forward;
    // 127.2.0.1 is believed when it announces a client.
    const int fd =
        connect_to({loopback(0, 0, 1), forward ? places_.forward_port : places_.proxy_port},
                   loopback(plan_.announced ? 2 : 0, 0, 1), plan_.client.buffers);
    if (fd < 0) return;  // the scene has ended before
    wire_ = std::make_unique<Wire>(fd, plan_.client, plan_.seed + 1);
    if (plan_.announced) {
        const Endpoint source{*IpAddress::parse("192.0.2.1"), 4000};
        const Endpoint destination{*IpAddress::parse("192.0.2.2"), 80};
        wire_->say(plan_.seed % 2 == 0 ? proto::proxy_header_v1(source, destination)
                                       : proto::proxy_header_v2(source, destination));
    }
    if (forward) {
        established_now();
        return;
    }
    if (plan_.ask == Ask::plain_http) {
        http_.emplace(plan_, target().to_string(), check_);
        return;
    }
    using Scheme = proto::ProxyUrl::Scheme;
    proto::ProxyUrl url;
    url.scheme = plan_.ask == Ask::http      ? Scheme::http
                 : plan_.ask == Ask::socks4a ? Scheme::socks4a
                                             : Scheme::socks5;
    url.host = HostPort::literal({loopback(0, 0, 1), places_.proxy_port});
    if (plan_.credentials) url.username = "joe";
    if (plan_.credentials && url.scheme != Scheme::socks4a) url.password = "secret";
    const auto command = plan_.ask == Ask::bind        ? proto::Command::bind
                         : plan_.ask == Ask::datagrams ? proto::Command::udp_associate
                                                       : proto::Command::connect;
    second_reply_ = command == proto::Command::bind;
    machine_.emplace(url, target(), command);
    machine_->start();
    wire_->say(machine_->output());
    machine_->output().clear();
    // Whoever speaks SOCKS5 must wait for a choice of method first.
    if (plan_.eager && url.scheme != Scheme::socks5) traffic_.pump(*wire_);
}

bool Client::step() {
    if (!begun_) begin();
    if (!wire_) return false;
    const bool moved = wire_->step(in_);
    if (!in_.empty() || wire_->over() || established_ || http_) talk();
    if (wire_->over()) {
        leave();
        return true;
    }
    return moved;
}

// True: it may go on to what comes after the reply.
bool Client::shake_hands() {
    if (failed_) in_.clear();
    if (in_.empty()) return false;
    using Next = proto::UpstreamNext;
    auto next = machine_->feed(in_);
    in_.clear();
    wire_->say(machine_->output());
    machine_->output().clear();
    if (next == Next::established && second_reply_) {
        second_reply_ = false;
        const HostPort bound = machine_->bound();
        if (bound.ip) bound_ = Endpoint{loopback(0, 0, 1), bound.port};
        next = machine_->expect_second_reply();
    }
    if (next == Next::failed) {
        failed_ = true;
        wire_->finish_when_said();
    }
    if (next != Next::established) return false;
    in_ = std::move(machine_->surplus());
    established_now();
    return true;
}

void Client::established_now() {
    established_ = true;
    if (plan_.ask != Ask::datagrams) return;
    datagrams_ = open_datagrams();
    datagrams_left_ = kDatagrams;
}

void Client::talk() {
    if (http_) {
        if (!http_->step(*wire_, in_)) {
            wire_->finish_when_said();
            in_.clear();
        }
        return;
    }
    if (!established_ && !shake_hands()) return;
    if (plan_.ask == Ask::datagrams) {
        send_datagrams();
        return;
    }
    traffic_.take(in_, check_, "a client");
    traffic_.pump(*wire_);
}

// Good ones, fragments and rubbish; what comes back must be one of the good.
void Client::send_datagrams() {
    if (datagrams_left_ == 0) {
        wire_->finish_when_said();
        return;
    }
    datagrams_left_--;
    Dice dice(plan_.seed + datagrams_left_);
    const HostPort relay = machine_->bound();
    const HostPort echo = HostPort::literal({loopback(0, 0, 1), places_.datagram_port});
    std::string datagram =
        proto::udp_header(echo) + stream_bytes(plan_.up_seed(), 0, dice.pick(1400));
    if (dice.chance(20)) datagram[2] = static_cast<char>(1 + dice.pick(255));
    if (dice.chance(10)) datagram.resize(dice.pick(datagram.size()));
    if (relay.ip) send_datagram(datagrams_, datagram, {*relay.ip, relay.port});
    while (const auto back = receive_datagram(datagrams_)) {
        const auto header = proto::parse_udp_header(*back);
        if (!header) fail(fmt::format("session {}: a datagram without header", plan_.id));
        const std::string_view payload = std::string_view(*back).substr(header->size);
        if (check_ && payload.size() <= 1400 &&
            payload != stream_bytes(plan_.up_seed(), 0, payload.size()))
            fail(fmt::format("session {}: a wrong datagram", plan_.id));
    }
}

std::optional<Endpoint> Client::take_bound() {
    return std::exchange(bound_, std::nullopt);
}

void Client::leave() {
    sent_all_ = wire_->finished();
    reset_ = wire_->was_reset_by_us();
    clean_end_ = wire_->ended();
    // An end of stream is not the end: what is still to be said goes on. Only an error is.
    if (wire_->open() && wire_->ended() && !sent_all_ && established_ && !wire_->misbehaved() &&
        !http_)
        return;
    if (datagrams_ >= 0) ::close(datagrams_);
    datagrams_ = -1;
    wire_.reset();
}

}  // namespace neosocksd::fuzz
