// Stands the workers up as app/server.cc does, and takes them down in the same order.

#include "fuzz/session/world.h"

#include <fstream>
#include <numeric>

#include <fmt/format.h>
#include <unistd.h>

#include "fuzz/session/sockets.h"
#include "fuzz/session/stream.h"

namespace neosocksd::fuzz {
namespace {

constexpr int kBacklog = 256;
constexpr std::size_t kPipes = 4;  // few, so that relays have to do without

// The names of all targets but those that nobody has, or only the name server.
const std::string& hosts_path() {
    static const std::string path = [] {
        const std::string name = fmt::format("/tmp/session_fuzzer.{}.hosts", ::getpid());
        std::ofstream file(name);
        for (const char* aim :
             {"direct", "closed", "own", "reject", "error", "slow", "chained", "forward"})
            for (unsigned id = 1; id <= kSessionsMax; id++)
                file << fmt::format("127.1.0.{0} {1}{0}.test\n", id, aim);
        return name;
    }();
    return path;
}

net::AdmissionLimits admission_limits(const ScenePlan& plan) {
    net::AdmissionLimits limits;
    limits.max_sessions = plan.max_sessions;
    limits.descriptors = 600;
    return limits;
}

}  // namespace

World::World(const ScenePlan& plan)
    : plan_(plan),
      far_listener_(listen_on({}, kBacklog)),
      datagram_echo_(open_datagrams()),
      names_(plan.seed) {
    // Only loopback: a name server that lies shall send nobody abroad.
    shared_ = std::make_unique<proxy::Shared>(
        admission_limits(plan),
        net::BlockSet{.loopback = false, .multicast = true, .local = true, .global = true});
    configure();
    sockets_.resize(plan.workers);
    places_.resize(plan.workers);
    for (unsigned i = 0; i < plan.workers; i++) open_sockets(i);
    shared_->workers.resize(plan.workers);
    for (unsigned i = 0; i < plan.workers; i++) {
        workers_.push_back(std::make_unique<proxy::Worker>(*shared_, i));
        shared_->workers[i] = workers_.back().get();
    }
    if (plan.workers > 1) control_.emplace(io::EngineChoice::epoll);
    if (plan.rules) {
        rules_.emplace(control_ ? *control_ : workers_[0]->loop(), port_of(far_listener_));
        shared_->rules = rules_->rules();
    }
    for (unsigned i = 0; i < plan.workers; i++) workers_[i]->listen(sockets_[i]);
}

World::~World() {
    rules_.reset();
    workers_.clear();
    ::close(far_listener_);
    ::close(datagram_echo_);
}

void World::configure() {
    proxy::Config& config = shared_->config;
    config.socks.http = true;  // one port for all
    config.socks.auth_required = plan_.auth;
    config.socks.raw_target = plan_.rules;
    config.socks.bind = config.socks.udp_associate = true;
    config.http = config.socks;
    config.http.socks = false;
    proxy::Outbound& outbound = shared_->outbound;
    outbound.forward = HostPort::literal({loopback(1, 0, 1), port_of(far_listener_)});
    config.announcers = {*Cidr::parse("127.2.0.0/16")};
    config.proxy_header = static_cast<proxy::ProxyHeader>(plan_.proxy_header);
    config.relay = plan_.relay;
    config.timeout = plan_.timeout;
    config.protocol_timeout = plan_.protocol_timeout;
    for (const auto scheme : plan_.chain) {
        proto::ProxyUrl hop;
        hop.scheme = scheme;
        hop.host = HostPort::named("hop.test", 1);
        if (outbound.chain.empty())
            hop.host = HostPort::literal({loopback(3, 0, static_cast<unsigned>(plan_.chain.size())),
                                          port_of(far_listener_)});
        outbound.chain.push_back(std::move(hop));
    }
    shared_->engine = plan_.engine;
    shared_->pipes_per_worker = kPipes;
    shared_->resolver.nameservers = names_.address();
    shared_->resolver.timeout = std::chrono::milliseconds(20);
    shared_->resolver.hosts_path = hosts_path();
    if (!plan_.access_log) return;
    auto log = proxy::AccessLog::open(
        "/dev/null", plan_.seed % 2 == 0 ? proxy::AccessFormat::json : proxy::AccessFormat::text);
    if (!log) fail("the access log: " + log.error());
    access_log_ = std::move(*log);
    access_log_->start();
    shared_->access_log = access_log_.get();
}

void World::open_sockets(unsigned worker) {
    Places& places = places_[worker];
    const int proxy = listen_on(loopback(0, 0, 1), kBacklog);
    const int forward = listen_on(loopback(0, 0, 1), kBacklog);
    places = {port_of(proxy), port_of(forward), port_of(far_listener_), port_of(datagram_echo_)};
    shared_->policy.add_own_listener({loopback(0, 0, 1), places.proxy_port});
    sockets_[worker].push_back({proxy, proxy::Service::socks, false, "proxy"});
    sockets_[worker].push_back({forward, proxy::Service::forward, false, "forward"});
}

void World::turn(bool idle) {
    // Of the echo, and of the name server.
    Endpoint from;
    while (const auto datagram = receive_datagram(datagram_echo_, &from))
        send_datagram(datagram_echo_, *datagram, from);
    const bool asked = names_.step();
    io::Duration wait = idle && !asked ? std::chrono::microseconds(200) : io::Duration::zero();
    if (control_) control_->run_once(io::Duration::zero());
    for (const auto& worker : workers_)
        worker->loop().run_once(std::exchange(wait, io::Duration::zero()));
    if (walk_ && walk_->expected == 0) walk_.reset();
}

void World::kill() {
    if (stopping_ || walk_) return;
    io::Loop& control = control_ ? *control_ : workers_[0]->loop();
    walk_ = std::make_shared<proxy::SessionWalk>(control, proxy::SessionQuery{}, true);
    for (const auto& worker : workers_)
        if (worker->post_walk(walk_)) walk_->expected++;
}

void World::stop() {
    stopping_ = true;
    for (const auto& worker : workers_) worker->post_stop(plan_.drain, [this] { done_++; });
}

void World::check(std::uint64_t received_up, std::uint64_t received_down) {
    shared_->rules = nullptr;
    if (rules_) rules_->stop();
    std::uint64_t up = 0;
    std::uint64_t down = 0;
    for (const auto& worker : workers_) {
        worker->run();  // what the last handlers queued
        net::RelayContext& relays = worker->relays();
        if (relays.pipes.lent() != 0) fail("a pipe was not given back");
        if (relays.bulk_relays != 0) fail("a bulk relay is counted that is none");
        up += relays.up_bytes;
        down += relays.down_bytes;
    }
    if (access_log_) access_log_->stop();
    const net::Admission& admission = shared_->admission;
    if (admission.half_open() != 0 || admission.sessions() != 0 ||
        admission.descriptors_in_use() != 0)
        fail(fmt::format("admission counts {} half-open, {} sessions, {} descriptors at the end",
                         admission.half_open(), admission.sessions(),
                         admission.descriptors_in_use()));
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t ended = 0;
    std::uint64_t http = 0;
    for (const auto& worker : workers_) {
        const proxy::WorkerStats& stats = worker->stats();
        accepted += stats.accepted.get();
        refused += stats.refused.get();
        for (const proxy::Counter& outcome : stats.outcomes) ended += outcome.get();
        http += stats.http_forwarded.get() + stats.http_failed.get();
    }
    // An HTTP client's requests count one by one, and it may leave between them.
    if (accepted - refused > ended + http || (http == 0 && accepted - refused != ended))
        fail(fmt::format("{} accepted, {} refused, {} outcomes, {} HTTP exchanges", accepted,
                         refused, ended, http));
    if (received_up > up || received_down > down)
        fail(fmt::format("peers received {} and {} bytes, {} and {} are counted", received_up,
                         received_down, up, down));
}

std::uint64_t World::established() const {
    return std::accumulate(workers_.begin(), workers_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& worker) {
                               return sum + worker->stats().outcomes[0].get();
                           });
}

}  // namespace neosocksd::fuzz
