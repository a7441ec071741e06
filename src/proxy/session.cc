// Tested by tests/e2e.

#include "proxy/session.h"

#include <array>
#include <cstring>

#include <sys/socket.h>

#include "io/await.h"
#include "net/original_target.h"
#include "proxy/hangup_watch.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {
namespace {

proto::ServerOptions options_of(const Config& config, Service service) {
    return service == Service::http ? config.http : config.socks;
}

constexpr const char* kFinishedText = "finished";

}  // namespace

Session::ProtocolTimer::ProtocolTimer(Session& owner)
    : Timer([](Timer& timer) {
          Session& session = static_cast<ProtocolTimer&>(timer).session;
          LOG_WARNING("{}: protocol timeout", session.label());
          session.timed_out_ = true;
          session.stop(false);
      }),
      session(owner) {}

Session::Session(Worker& worker, int fd, const ListeningSocket& listener, net::Ticket ticket)
    : worker_(&worker),
      ticket_(std::move(ticket)),
      accepted_(worker.loop().now()),
      fd_(fd),
      listener_(listener),
      outbound_(worker.outbound()),
      service_(listener.service),
      id_(worker.next_session_id()) {
    client().adopt(fd);
    if (has_request()) client().expect_input();
    // Now: a client that resets the connection takes its address with it.
    if (const auto peer = io::peer_endpoint(fd))
        client_address_ = {peer->ip.unmapped(), peer->port};
    else
        unix_client_ = net::peer_credentials(fd);
    if (service_ == Service::forward) {
        target_ = outbound_->forward_socket ? outbound_->forward_socket->to_string()
                                            : outbound_->forward.to_string();
    }
}

Session::~Session() = default;

io::Task<void> Session::set_up() {
    io::Scope scope(&worker_->setups().scope());
    scope_ = &scope;
    std::string reply;
    auto after = After::next_request;
    std::unique_ptr<UdpAssociation> association;
    // Only plain HTTP requests follow one another.
    while (after == After::next_request) {
        Setup setup(options_of(worker_->config(), service_), &scope);
        if (http_) setup.machine = proto::ServerMachine(worker_->config().http);
        auto serving = serve(setup, reply);
        after = co_await std::move(serving);
        if (after == After::relay) {
            scope_ = nullptr;
            start_relay(setup);
            co_return;
        }
        if (after == After::datagrams) {
            association = std::move(setup.association);
            if (setup.access) keep_access(setup);
        }
    }
    if (association) {
        co_await serve_datagrams(*association);
        association.reset();
        worker_->stats().session_time.add(worker_->loop().now() - accepted_);
        leave();
        co_return;
    }
    co_await refuse(std::move(reply));
    if (http_) log_http();
    tell_closed(kFinishedText);
    leave();
}

io::Task<Session::After> Session::serve(Setup& setup, std::string& reply) {
    if (http_) {
        if (!co_await next_request()) co_return After::close;
        target_.clear();
        address_.reset();
        outbound_ = worker_->outbound();
    }
    if (worker_->access_log()) draft_access(setup);
    Ending end;
    {
        const auto timeout = worker_->config().timeout;
        setup.due = worker_->loop().now() + timeout;
        const io::Deadline deadline(worker_->loop(), setup.scope, timeout);
        auto task = establish(setup).in_scope(setup.scope);
        end = co_await std::move(task);
    }
    // Plain HTTP has counters of its own once its target is reached.
    if (!setup.exchange || end.outcome != Outcome::established)
        worker_->stats().outcomes[static_cast<std::size_t>(end.outcome)].add();
    if (end.outcome == Outcome::established) {
        if (setup.access) setup.access->reached = worker_->loop().now();
        if (!http_) worker_->stats().setup_time.add(worker_->loop().now() - accepted_);
        if (setup.association) co_return After::datagrams;
        if (!setup.exchange) co_return After::relay;
        co_return co_await forward_http(setup, reply);
    }
    log_ending(end.outcome, end.text);
    tell_closed(row_of(end.outcome).name);
    // What the machine still wants to say is its own reply to a request it did not accept.
    reply = std::move(setup.machine.output());
    reply += failure_reply(end, setup.machine.protocol(), std::time(nullptr));
    if (setup.exchange) setup.exchange->fit_page(reply);
    if (setup.access) log_refusal(setup, end.outcome, reply);
    co_return After::close;
}

bool Session::has_request() const {
    return service_ == Service::socks || service_ == Service::http;
}

io::Task<Ending> Session::establish(Setup& setup) {
    if (!http_ && any_contains(worker_->config().announcers, client_address_.ip)) {
        auto end = co_await read_proxy_header(setup);
        if (end.outcome != Outcome::established) co_return end;
    }
    if (service_ == Service::tproxy || service_ == Service::redirect) {
        const auto original = service_ == Service::tproxy ? net::tproxy_target(client().fd())
                                                          : net::redirect_target(client().fd());
        if (!original)
            co_return ending(Outcome::bad_request,
                             original.error().to_string() + " (not a redirected connection)");
        setup.original_target = HostPort::literal(*original);
        target_ = setup.original_target.to_string();
    }
    if (has_request()) {
        auto end = co_await read_request(setup);
        if (end.outcome != Outcome::established) co_return end;
        target_ = setup.machine.request().text;
        note_request(setup.machine.request());
        if (setup.machine.request().http && !start_http(setup))
            co_return ending(Outcome::bad_request, "malformed body of an HTTP request");
    }
    worker_->stats().requests.add();
    co_return co_await dial(setup);
}

io::Task<Ending> Session::read_request(Setup& setup) {
    io::Loop& loop = worker_->loop();
    proto::ServerMachine& machine = setup.machine;
    const std::string early = http_ ? std::exchange(http_->behind, {}) : setup.early;
    std::size_t received = early.size();
    auto next = machine.feed(early);
    for (;;) {
        if (next == proto::Next::refuse) co_return ending(Outcome::bad_request, machine.failure());
        if (!machine.output().empty()) {
            // A method choice or the like: a few bytes into an empty socket buffer.
            const auto sent = co_await io::send_all(loop, client(), machine.output());
            worker_->stats().client_tx_bytes.add(machine.output().size());
            machine.output().clear();
            if (!sent && !setup.scope.cancelled())
                co_return ending(Outcome::early_eof, sent.error().to_string());
        }
        if (next == proto::Next::request) {
            worker_->stats().client_rx_bytes.add(received - machine.surplus().size());
            co_return Ending{};
        }
        const auto got = co_await io::recv(loop, client(), [&](std::string_view bytes) {
            received += bytes.size();
            next = machine.feed(bytes);
        });
        if (setup.scope.cancelled()) co_return cut_off(setup.scope, "handshake timeout");
        if (!got) co_return ending(Outcome::early_eof, got.error().to_string());
        if (*got == 0) co_return ending(Outcome::early_eof, "recv: early EOF");
    }
}

const HostPort& Session::asked_target(const Setup& setup) const {
    if (service_ == Service::forward) return outbound_->forward;
    return has_request() ? setup.machine.request().target : setup.original_target;
}

// Made straight to the listener, a redirected connection has the listener as its target, and is
// refused for that.
net::Origin Session::asked_by() const {
    return service_ == Service::forward ? net::Origin::operator_ : net::Origin::client;
}

io::Task<Ending> Session::dial(Setup& setup) {
    io::Loop& loop = worker_->loop();
    const net::DialRequest request{
        .target = asked_target(setup),
        .origin = asked_by(),
        .chain = outbound_->chain,
        .socket = service_ == Service::forward && outbound_->forward_socket
                      ? &*outbound_->forward_socket
                      : nullptr,
    };
    const io::TimePoint begun = loop.now();
    // A plain HTTP request is all that its client need send.
    HangupWatch watch(
        loop, client(), setup.scope,
        has_request() && setup.machine.surplus().empty() && !setup.machine.request().http);
    const bool by_rules = worker_->rules() && !request.socket && !setup.is_datagrams();
    state_ = by_rules ? SessionState::rules : SessionState::dialling;
    auto dialling = by_rules ? dial_by_rules(setup) : dial_as_asked(setup, request);
    auto reached = co_await std::move(dialling);
    co_await watch.stop();
    if (reached && !setup.scope.cancelled()) {
        worker_->stats().dial_times.add(loop.now() - begun);
        setup.from_target = std::move(*reached);
        co_return Ending{};
    }
    if (reached && target().is_open()) loop.engine().close(target());
    auto end = reached ? ending_of({}, setup.scope.reason()) : std::move(reached.error());
    end.bound = setup.bound;
    co_return end;
}

io::Task<std::expected<std::string, Ending>> Session::dial_as_asked(
    Setup& setup, const net::DialRequest& request) {
    auto reached = co_await reach(setup, request);
    if (!reached)
        co_return std::unexpected(ending_of(std::move(reached.error()), setup.scope.reason()));
    co_return std::move(*reached);
}

io::Task<void> Session::refuse(std::string reply) {
    io::Loop& loop = worker_->loop();
    if (!reply.empty() || (http_ && http_->linger)) {
        state_ = SessionState::closing;
        io::Scope scope(scope_);
        const io::Deadline deadline(loop, scope, limits::kLingerTime);
        auto sending = io::send_all(loop, client(), reply).in_scope(scope);
        const auto sent = co_await std::move(sending);
        if (sent) {
            worker_->stats().client_tx_bytes.add(reply.size());
            ::shutdown(client().fd(), SHUT_WR);
            // Unread input would turn the close into a reset, which may overtake the reply.
            auto draining = drain_input(loop, client(), limits::kLingerBytes).in_scope(scope);
            co_await std::move(draining);
        }
    }
    loop.engine().close(client());
}

void Session::start_relay(Setup& setup) {
    proto::ServerMachine& machine = setup.machine;
    std::string to_client;
    switch (machine.protocol()) {
    case proto::Protocol::socks4:
    case proto::Protocol::socks4a: to_client = proto::socks4_reply(true); break;
    case proto::Protocol::socks5: {
        const auto bound = io::local_endpoint(target().fd());
        to_client = proto::socks5_reply(proto::Reply::succeeded, setup.peer ? &*setup.peer
                                                                 : bound    ? &*bound
                                                                            : nullptr);
        break;
    }
    case proto::Protocol::http:
        to_client = setup.exchange ? setup.switched : proto::http_connect_established();
        break;
    case proto::Protocol::none: break;
    }
    const std::size_t reply_bytes = to_client.size();
    worker_->stats().client_tx_bytes.add(reply_bytes);
    to_client += setup.from_target;
    LOG_DEBUG("{}: established", label());
    if (setup.access) keep_access(setup);
    relaying_ = true;
    state_ = SessionState::established;
    if (!http_) tell_opened();
    if (worker_->config().protocol_timeout)
        start_protocol_timer();
    else
        ticket_.established();
    std::string to_target = own_proxy_header(setup);
    const std::size_t header_bytes = to_target.size();
    to_target += has_request() ? machine.surplus() : setup.early;
    start(worker_->relays(), std::move(to_target), std::move(to_client), reply_bytes, header_bytes);
}

void Session::start_protocol_timer() {
    const auto due = accepted_ + worker_->config().timeout;
    worker_->loop().start_timer(protocol_timer_, due - worker_->loop().now());
}

void Session::on_both_spoke() {
    if (!protocol_timer_.active()) return;
    worker_->loop().stop_timer(protocol_timer_);
    ticket_.established();
}

void Session::on_end(End end) {
    static constexpr const char* kEnds[] = {kFinishedText, "reset by client", "reset by target",
                                            "stopped"};
    worker_->loop().stop_timer(protocol_timer_);
    worker_->stats().session_time.add(worker_->loop().now() - accepted_);
    const std::chrono::duration<double> age = worker_->loop().now() - accepted_;
    const char* const why = timed_out_ ? "protocol timeout" : kEnds[static_cast<std::size_t>(end)];
    LOG_DEBUG("{}: closed, up={} down={}, {:.3f}s, {}", label(), total_up(), total_down(),
              age.count(), killed_ ? kKilledText : why);
    if (access_note_) log_relay(end);
    tell_closed(why);
    leave();
}

bool Session::on_bulk() {
    // Until both have spoken a timer of this worker may be running: a move would lose it.
    if (protocol_timer_.active()) return false;
    destination_ = worker_->less_loaded_peer();
    if (!destination_) return false;
    move_out(&destination_->relays());
    return true;
}

void Session::on_moved_out() {
    Worker& destination = *std::exchange(destination_, nullptr);
    worker_->hand_over(*this, destination);
}

void Session::arrive(Worker& worker) {
    worker_ = &worker;
    move_in(worker.relays());
}

void Session::leave() {
    worker_->forget(*this);
}

// Each outcome is a place of its own: a flood of one kind hides no other.
void Session::log_ending(Outcome outcome, std::string_view text) const {
    static constinit std::array<log::Throttle, kOutcomes> throttles;
    const log::Level level = row_of(outcome).level;
    if (!log::enabled(level)) return;
    if (!throttles[static_cast<std::size_t>(outcome)].admits(level, __FILE__, __LINE__)) return;
    log::write(level, __FILE__, __LINE__, fmt::format("{}: {}", label(), text));
}

std::string Session::label() const {
    std::string text = fmt::format("[{}] {}", fd_, client_name());
    if (!target_.empty()) text += fmt::format(" -> `{}'", target_);
    return text;
}

}  // namespace neosocksd::proxy
