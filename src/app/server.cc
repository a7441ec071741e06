// Tested by tests/e2e.

#include "app/server.h"

#include <csignal>
#include <optional>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "app/log_teller.h"
#include "app/outbound.h"
#include "app/outgoing_check.h"
#include "base/log.h"
#include "net/bind_listener.h"
#include "net/dns_client.h"

namespace neosocksd::app {
namespace {

int usable_cpus() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return CPU_COUNT(&set);
}

io::Duration seconds(double value) {
    return std::chrono::duration_cast<io::Duration>(std::chrono::duration<double>(value));
}

net::AdmissionLimits admission_limits(const Options& options, int workers) {
    net::AdmissionLimits limits;
    limits.max_sessions = options.max_sessions;
    limits.start = options.startups.start;
    limits.rate = options.startups.rate;
    limits.full = options.startups.full;
    limits.descriptors = net::session_descriptors(workers);
    return limits;
}

net::RelayMode relay_mode(RelayMode mode) {
    switch (mode) {
    case RelayMode::splice: return net::RelayMode::splice;
    case RelayMode::copy: return net::RelayMode::copy;
    case RelayMode::adaptive: break;
    }
    return net::RelayMode::adaptive;
}

net::SocketOptions socket_options(const Options& options) {
    return {options.sndbuf_bytes, options.rcvbuf_bytes, options.keepalive_seconds, options.nodelay};
}

proxy::Config session_config(const Options& options, bool with_rules) {
    proxy::Config config;
    config.socks.http = options.mixed;
    config.socks.auth_required = options.auth_required;
    // Rules may replace a target that is none.
    config.socks.raw_target = with_rules;
    config.socks.bind = options.socks5_bind;
    config.socks.udp_associate = options.socks5_udp;
    config.http = config.socks;
    config.http.socks = false;
    config.http.http = true;
    config.outgoing = {options.netdev.substr(0, limits::kInterfaceNameBytes),
                       options.fastopen_connect,
                       {options.bind_address.v4, options.bind_address.v6},
                       options.fwmark,
                       socket_options(options)};
    config.announcers = options.proxy_protocol_in;
    config.proxy_header = options.proxy_protocol_out == 1   ? proxy::ProxyHeader::v1
                          : options.proxy_protocol_out == 2 ? proxy::ProxyHeader::v2
                                                            : proxy::ProxyHeader::none;
    config.relay = relay_mode(options.relay);
    config.busy_poll = std::chrono::microseconds(options.busy_poll_microseconds);
    config.timeout = seconds(options.timeout_seconds);
    config.protocol_timeout = options.proto_timeout;
    return config;
}

}  // namespace

Server::~Server() {
    for (std::thread& thread : threads_) thread.join();
    if (access_log_) access_log_->stop();
}

int Server::run() {
    Signals::block();
    process_.emplace(options_);
    if (!prepare()) return 1;
    if (access_log_) access_log_->start();
    const int status = sockets_.size() == 1 ? run_alone() : run_workers();
    if (access_log_) access_log_->stop();
    return status;
}

bool Server::prepare() {
    const int workers = options_.threads > 0 ? options_.threads : usable_cpus();
    const net::BlockSet block{options_.block_outbound.loopback, options_.block_outbound.multicast,
                              options_.block_outbound.local, options_.block_outbound.global};
    const net::AdmissionLimits admission = admission_limits(options_, workers);
    shared_ = std::make_unique<proxy::Shared>(admission, block);
    shared_->config = session_config(options_, scripts_ && scripts_->has_ruleset());
    // Here rather than by each worker, who would all say so.
    const bool nameservers = net::is_nameserver_list(options_.nameserver);
    if (!nameservers)
        LOG_ERROR("failed to set nameserver `{}': Misformatted string", options_.nameserver);
    shared_->resolver = {options_.family, nameservers ? options_.nameserver : ""};
    // Pipes must not eat what sessions need: a quarter of the descriptors at most.
    const auto budget = static_cast<std::size_t>(admission.descriptors) / 8;
    shared_->pipes_per_worker =
        std::min(limits::kPipesPerLoop, budget / static_cast<std::size_t>(workers));
    shared_->workers.resize(static_cast<std::size_t>(workers));
    sockets_.resize(static_cast<std::size_t>(workers));
    auto outbound = parse_outbound(options_);
    if (!outbound) {
        LOG_ERROR("{}", outbound.error());
        LOG_FATAL("unable to parse outbound configuration");
        return false;
    }
    shared_->outbound = std::move(*outbound);
    if (!check_outgoing(shared_->config.outgoing)) return false;
    if (scripts_) {
        scripts_->set_shared(*shared_);
        // As the user who starts the program, who may read what the later one may not.
        if (!scripts_->load()) return false;
    }
    if (!open_access_log() || !bind_all()) return false;
    if (options_.api && !(api_ = ApiService::bind(options_, *process_, *shared_))) return false;
    // What the new user may do decides about the engine, too.
    if (!process_->settle() || !choose_engine()) return false;
    // Before any thread exists, and before any client is let in.
    return sandbox_.enter(options_, scripts_ != nullptr,
                          shared_->engine != io::EngineChoice::epoll);
}

bool Server::open_access_log() {
    if (options_.access_log.empty()) return true;
    auto opened =
        proxy::AccessLog::open(options_.access_log, options_.access_log_format == AccessFormat::json
                                                        ? proxy::AccessFormat::json
                                                        : proxy::AccessFormat::text);
    if (!opened) {
        LOG_FATAL("access log `{}': {}", options_.access_log, opened.error());
        return false;
    }
    access_log_ = std::move(*opened);
    shared_->access_log = access_log_.get();
    if (access_log_->file().created()) process_->give_to_user(access_log_->file().fd());
    return true;
}

bool Server::choose_engine() {
    if (options_.io == IoEngine::epoll) {
        shared_->engine = io::EngineChoice::epoll;
        return true;
    }
    std::string reason;
    if (io::probe_uring(reason)) {
        shared_->engine =
            options_.io == IoEngine::uring ? io::EngineChoice::uring : io::EngineChoice::automatic;
        return true;
    }
    if (options_.io == IoEngine::uring) {
        LOG_FATAL("--io uring: {}; use --io epoll or --io auto", reason);
        return false;
    }
    LOG_INFO("io: epoll, because {}", reason);
    shared_->engine = io::EngineChoice::epoll;
    return true;
}

bool Server::bind_all() {
    if (options_.listen) {
        const auto service = options_.forward                         ? proxy::Service::forward
                             : options_.tproxy                        ? proxy::Service::tproxy
                             : options_.redirect                      ? proxy::Service::redirect
                             : options_.http && !options_.http_listen ? proxy::Service::http
                                                                      : proxy::Service::socks;
        if (!bind(*options_.listen, service)) return false;
    }
    return !options_.http_listen || bind(*options_.http_listen, proxy::Service::http);
}

bool Server::bind(const std::string& address, proxy::Service service) {
    auto bound = net::bind_listener(address, {.sockets = static_cast<int>(sockets_.size()),
                                              .reuseport = options_.reuseport,
                                              .fastopen = options_.fastopen,
                                              .transparent = service == proxy::Service::tproxy,
                                              .socket = socket_options(options_),
                                              .inherited = &process_->inherited()});
    if (!bound) {
        if (!bound.error().reason.empty()) LOG_ERROR("{}", bound.error().reason);
        if (bound.error().bad_address)
            LOG_FATAL("unable to parse address: {}", address);
        else
            LOG_FATAL("failed to start server");
        return false;
    }
    for (std::size_t i = 0; i < sockets_.size(); i++)
        sockets_[i].push_back({bound->take(i), service, bound->shared(), bound->name()});
    if (bound->has_endpoint()) shared_->policy.add_own_listener(bound->endpoint());
    process_->keep(bound->take_file());
    LOG_NOTICE("listen: {}", bound->name());
    return true;
}

int Server::run_alone() {
    proxy::Worker worker(*shared_, 0);
    shared_->workers[0] = &worker;
    control_ = &worker.loop();
    const Signals signals(worker.loop(), [this](int number) { on_signal(number); });
    const LogTeller teller(worker.loop());
    attach_scripts();
    sandbox_.seal();
    worker.listen(sockets_[0]);
    start_api();
    running_ = 1;
    process_->ready(worker.loop(), {&worker.loop()});
    worker.run();
    stop_api();
    stop_scripts();
    LOG_INFO("shutdown: {} sessions closed", shared_->sessions_cut.load());
    return 0;
}

int Server::run_workers() {
    const std::size_t workers = sockets_.size();
    io::Loop control(io::EngineChoice::epoll);
    control_ = &control;
    const Signals signals(control, [this](int number) { on_signal(number); });
    const LogTeller teller(control);
    attach_scripts();
    made_ = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(workers) + 1);
    sealed_ = std::make_unique<std::latch>(1);
    finished_ = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(workers) + 1);
    running_ = workers;
    start_workers(workers);
    made_->arrive_and_wait();
    if (start_failed_) {
        stop_scripts();
        return 1;
    }
    sandbox_.seal();
    sealed_->count_down();
    start_api();
    std::vector<io::Loop*> loops;
    for (proxy::Worker* worker : shared_->workers) loops.push_back(&worker->loop());
    process_->ready(control, std::move(loops));
    control.run();
    stop_api();
    stop_scripts();
    finished_->count_down();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    LOG_INFO("shutdown: {} sessions closed", shared_->sessions_cut.load());
    return 0;
}

void Server::start_workers(std::size_t count) {
    threads_.reserve(count);
    for (std::size_t i = 0; i < count; i++) {
        try {
            threads_.emplace_back([this, i] { run_worker(i); });
        } catch (const std::exception& exception) {
            start_failed(i, exception);
            // For all that there will not be, or the others would wait for them.
            made_->count_down(static_cast<std::ptrdiff_t>(count - i));
            return;
        }
    }
}

void Server::start_failed(std::size_t index, const std::exception& exception) {
    LOG_FATAL("worker {}: {}", index, exception.what());
    start_failed_ = true;
}

void Server::run_worker(std::size_t index) {
    pthread_setname_np(pthread_self(), ("worker-" + std::to_string(index)).c_str());
    std::optional<proxy::Worker> worker;
    try {
        worker.emplace(*shared_, index);
        shared_->workers[index] = &*worker;
    } catch (const std::exception& exception) {
        // Out of descriptors, or of memory that may be locked: each loop needs its own.
        start_failed(index, exception);
    }
    made_->arrive_and_wait();
    if (start_failed_) return;
    sealed_->wait();
    worker->listen(sockets_[index]);
    worker->run();
    // Until then a peer may look at this worker's load, and a signal speak to all.
    finished_->arrive_and_wait();
}

void Server::start_api() {
    if (api_) api_->start(*control_, *shared_, scripts_);
}

void Server::stop_api() {
    if (api_) api_->stop(*control_);
}

void Server::attach_scripts() {
    if (scripts_) scripts_->attach(*control_);
}

void Server::stop_scripts() {
    if (!scripts_) return;
    shared_->rules = nullptr;
    io::TaskGroup stopping;
    stopping.spawn(scripts_->stop());
    while (!stopping.empty()) control_->run_once(std::chrono::seconds(1));
}

void Server::on_signal(int number) {
    if (number == SIGHUP) {
        process_->reloading();
        if (scripts_)
            reload();
        else
            LOG_ERROR("signal {} received, but ruleset not loaded", number);
        process_->reloaded();
        return;
    }
    if (number == SIGUSR1) {
        if (access_log_)
            access_log_->reopen();
        else
            LOG_WARNING("signal {} received, but there is no access log", number);
        return;
    }
    signals_seen_++;
    if (signals_seen_ == 1) {
        LOG_NOTICE("server shutdown gracefully");
        process_->stopping();
        if (api_) api_->drain();
        stop_workers();
    } else if (signals_seen_ == 2) {
        for (proxy::Worker* worker : shared_->workers) worker->post_cut_short();
    }
}

void Server::reload() {
    const Scripts::Reloaded changed = scripts_->reload();
    // No session begins any more, and workers may have closed their mailboxes.
    if (signals_seen_ > 0) return;
    for (proxy::Worker* worker : shared_->workers) {
        if (changed.outbound) worker->post_outbound(shared_->outbound);
        if (changed.nameservers) worker->post_nameservers(shared_->resolver.nameservers);
    }
}

void Server::stop_workers() {
    for (proxy::Worker* worker : shared_->workers)
        worker->post_stop(seconds(options_.drain_seconds), [this] { worker_done(); });
}

void Server::worker_done() {
    // Runs in the worker's thread.
    io::Message message = [this] {
        if (--running_ == 0) control_->stop();
    };
    if (sockets_.size() == 1) return;
    while (!control_->post(message)) std::this_thread::yield();
}

}  // namespace neosocksd::app
