// A session whose client sends plain HTTP requests: each is dialled for, forwarded and answered;
// then the connection waits for the next, which may be for another target, or for a tunnel.
// Tested by tests/e2e/test_http_forward*.py.

#include <cerrno>
#include <ctime>

#include "io/await.h"
#include "io/peek.h"
#include "proto/http_page.h"
#include "proxy/session.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

// Before anything is dialled: what has come of the body must be one.
bool Session::start_http(Setup& setup) {
    const HttpExchange::Context context{
        .loop = worker_->loop(),
        .totals = worker_->relays(),
        .parent = *scope_,
        .draining = worker_->idle_scope(),
        .timeout = worker_->config().timeout,
    };
    setup.exchange.emplace(context, client(), target(), *setup.machine.request().http);
    if (setup.exchange->take_early(setup.machine.surplus())) return true;
    setup.machine.output() = proto::http_error_page(400, std::time(nullptr));
    return false;
}

io::Task<Session::After> Session::forward_http(Setup& setup, std::string& reply) {
    if (!http_) {
        http_ = std::make_unique<HttpClient>();
        ticket_.established();
        LOG_DEBUG("{}: established", label());
    }
    http_->requests++;
    HttpExchange& exchange = *setup.exchange;
    state_ = SessionState::http;
    if (http_->requests == 1) tell_opened();
    http_->exchange = &exchange;
    auto running = exchange.run(std::move(setup.from_target));
    ExchangeEnd end = co_await std::move(running);
    http_->exchange = nullptr;
    http_->up_bytes += exchange.up_bytes();
    http_->down_bytes += exchange.down_bytes();
    WorkerStats& stats = worker_->stats();
    if (end.kind == ExchangeEnd::Kind::switched) {
        stats.http_forwarded.add();
        setup.switched = std::move(end.head);
        setup.from_target = std::move(end.from_target);
        co_return After::relay;
    }
    if (end.outcome == Outcome::client_gone || killed_) io::reset_on_close(target().fd());
    worker_->loop().engine().close(target());
    if (end.kind == ExchangeEnd::Kind::complete) {
        stats.http_forwarded.add();
        if (setup.access) log_exchange(setup, Outcome::established, exchange.status());
        LOG_VERBOSE("{}: request {} forwarded", label(), http_->requests);
        http_->behind = std::move(exchange.behind());
        http_->linger = true;
        co_return end.keep_alive ? After::next_request : After::close;
    }
    stats.http_failed.add();
    if (killed_) {
        end.outcome = Outcome::killed;
        end.text = kKilledText;
        end.status = 0;
        end.reset = true;
    }
    log_ending(end.outcome, end.text);
    http_->linger = false;
    if (end.status != 0) reply = proto::http_error_page(end.status, std::time(nullptr));
    exchange.fit_page(reply);
    if (setup.access)
        log_exchange(setup, end.outcome, end.status != 0 ? end.status : exchange.status());
    tell_closed(row_of(end.outcome).name);
    if (end.reset) io::reset_on_close(client().fd());
    co_return After::close;
}

// False: there will be none, as the client may well decide.
io::Task<bool> Session::next_request() {
    http_->linger = false;
    if (!http_->behind.empty()) co_return true;
    io::Scope scope(&worker_->idle_scope());
    io::Scope* const outer = std::exchange(scope_, &scope);
    state_ = SessionState::http_idle;
    const io::Deadline deadline(worker_->loop(), scope, worker_->config().timeout);
    auto waiting = wait_for_request().in_scope(scope);
    const bool comes = co_await std::move(waiting);
    scope_ = outer;
    state_ = SessionState::request;
    co_return comes && !killed_;
}

io::Task<bool> Session::wait_for_request() {
    const auto ready = co_await io::wait_for(worker_->loop(), client(), io::Readiness::readable);
    if (!ready) co_return false;
    const int there = io::peek(client().fd());
    co_return there > 0 || there == -EAGAIN;
}

void Session::log_http() const {
    const std::chrono::duration<double> age = worker_->loop().now() - accepted_;
    LOG_DEBUG("{}: closed, up={} down={}, {:.3f}s, {} HTTP requests{}{}", label(), total_up(),
              total_down(), age.count(), http_->requests, killed_ ? ", " : "",
              killed_ ? kKilledText : "");
}

}  // namespace neosocksd::proxy
