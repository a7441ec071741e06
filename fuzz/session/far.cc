// See far.h. Hops are played by our own server machine, which has fuzz targets of its own.

#include "fuzz/session/far.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/proxy_protocol.h"

namespace neosocksd::fuzz {
namespace {

proto::ServerOptions hop_options() {
    proto::ServerOptions options;
    options.http = true;
    return options;
}

// "name17.test" and 127.1.0.17 are for the conversation with the number 17.
unsigned id_of(const HostPort& target) {
    if (target.ip) {
        const std::string_view octets = target.ip->octets();
        return octets[1] == 1 ? static_cast<unsigned char>(octets.back()) : 0;
    }
    unsigned id = 0;
    for (const char c : target.name) {
        if (c >= '0' && c <= '9') id = id * 10 + static_cast<unsigned>(c - '0');
        if (c == '.' || id > kSessionsMax) break;
    }
    return id;
}

std::string reply_of_hop(proto::Protocol protocol, bool success) {
    using proto::Protocol;
    switch (protocol) {
    case Protocol::socks4:
    case Protocol::socks4a: return proto::socks4_reply(success);
    case Protocol::socks5:
        return proto::socks5_reply(
            success ? proto::Reply::succeeded : proto::Reply::host_unreachable, nullptr);
    case Protocol::http:
        return success ? proto::http_connect_established() : proto::http_error_page(502, 0);
    case Protocol::none: break;
    }
    return {};
}

}  // namespace

Far::Far(int fd, unsigned hops, const Plan* plan, Find find, const ScenePlan& scene,
         std::uint64_t seed)
    : hops_(hops), plan_(plan), find_(std::move(find)), scene_(scene), dice_(seed) {
    // A hop misbehaves now and then; a target as its plan says.
    Manner manner = plan ? plan->far : draw_manner(dice_, scene.corrupting);
    if (!plan && dice_.chance(60)) manner.fault = Fault::none;
    // Whose stream will come is not known yet: it may be a long one.
    if (!plan) manner.slice = std::max<std::size_t>(manner.slice, 1460);
    if (!plan) manner.buffers = 0;
    wire_ = std::make_unique<Wire>(fd, manner, dice_.fork());
}

bool Far::step() {
    if (!wire_) return false;
    const bool moved = wire_->step(in_);
    talk();
    if (wire_->over()) {
        leave();
        return true;
    }
    return moved;
}

// True: the next one may speak.
bool Far::play_hop() {
    if (refused_) in_.clear();
    if (in_.empty()) return false;
    if (!machine_) machine_.emplace(hop_options());
    const auto next = machine_->feed(in_);
    in_.clear();
    wire_->say(machine_->output());
    machine_->output().clear();
    if (next == proto::Next::need_bytes) return false;
    const bool refuse = next == proto::Next::refuse || dice_.chance(5);
    if (dice_.chance(2))
        wire_->say(stream_bytes(dice_.fork(), 0, 1 + dice_.pick(300)));
    else
        wire_->say(reply_of_hop(machine_->protocol(), !refuse));
    if (refuse) {
        refused_ = true;
        wire_->finish_when_said();
        return false;
    }
    if (hops_ == 1) plan_ = find_(id_of(machine_->request().target));
    in_ = std::move(machine_->surplus());
    machine_.reset();
    hops_--;
    return true;
}

bool Far::read_proxy_header() {
    const auto step = proto::read_proxy_header(in_);
    using Next = proto::ProxyHeaderStep::Next;
    if (step.next == Next::refuse && !scene_.corrupting) fail("a bad PROXY header was sent");
    if (step.next != Next::done) return false;
    in_.erase(0, step.consumed);
    return true;
}

void Far::talk() {
    while (hops_ > 0)
        if (!play_hop()) return;
    if (!plan_) {
        in_.clear();
        wire_->finish_when_said();
        return;
    }
    if (plan_->ask == Ask::forward && scene_.proxy_header > 0 && !header_read_) {
        if (!read_proxy_header()) return;
        header_read_ = true;
    }
    const bool check = !scene_.corrupting;
    if (plan_->ask == Ask::plain_http) {
        if (!http_) http_.emplace(*plan_, check);
        http_->step(*wire_, in_);
        return;
    }
    if (!traffic_) traffic_.emplace(plan_->down_seed(), plan_->up_seed(), plan_->down);
    traffic_->take(in_, check, "a target");
    traffic_->pump(*wire_);
}

void Far::leave() {
    sent_all_ = wire_->finished();
    reset_ = wire_->was_reset_by_us();
    clean_end_ = wire_->ended();
    // What is still to be said goes on; see Client::leave().
    if (wire_->open() && wire_->ended() && !sent_all_ && (traffic_ || http_) &&
        !wire_->misbehaved())
        return;
    wire_.reset();
}

}  // namespace neosocksd::fuzz
