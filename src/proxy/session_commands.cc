// A session's SOCKS5 commands other than CONNECT. Tested by tests/e2e/test_bind*.py and
// test_udp*.py.

#include "io/await.h"
#include "proto/socks5_server.h"
#include "proxy/bind_service.h"
#include "proxy/session.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

io::Task<std::expected<std::string, net::DialFailure>> Session::reach(
    Setup& setup, const net::DialRequest& request) {
    const proto::Command command = setup.machine.request().command;
    if (command == proto::Command::bind) co_return co_await bind(setup, request);
    if (command == proto::Command::udp_associate) co_return co_await associate(setup, request);
    // Of an attempt before, if rules make several.
    address_.reset();
    co_return co_await worker_->dialer().dial(target(), request, &address_);
}

io::Task<std::expected<std::string, net::DialFailure>> Session::bind(
    Setup& setup, const net::DialRequest& request) {
    BindService service(worker_->services(), client());
    auto connected = co_await service.serve(target(), request);
    setup.bound = service.bound();
    if (connected) address_ = setup.peer = service.peer();
    co_return connected;
}

io::Task<std::expected<std::string, net::DialFailure>> Session::associate(
    Setup& setup, const net::DialRequest& request) {
    const Endpoint from{client_address_.ip, request.target.port};
    std::unique_ptr<UdpRules> rules;
    if (worker_->rules())
        rules =
            std::make_unique<UdpRules>(*worker_->rules(), rules_request(setup), outbound_->chain);
    setup.association = std::make_unique<UdpAssociation>(
        worker_->services(), worker_->setups().scope(), client(), from, std::move(rules));
    auto bound = co_await setup.association->open(request);
    if (!bound) co_return std::unexpected(std::move(bound.error()));
    target_ = "udp " + bound->to_string();
    address_ = *bound;
    const std::string reply = proto::socks5_reply(proto::Reply::succeeded, &*bound);
    const auto sent = co_await io::send_all(worker_->loop(), client(), reply);
    if (sent) co_return std::string();
    net::DialFailure failure;
    failure.code = sent.error().code;
    failure.text = sent.error().to_string();
    co_return std::unexpected(std::move(failure));
}

io::Task<void> Session::serve_datagrams(UdpAssociation& association) {
    LOG_DEBUG("{}: associated", label());
    ticket_.established();
    state_ = SessionState::datagrams;
    datagrams_ = &association;
    tell_opened();
    auto running = association.run().in_scope(*scope_);
    std::string_view why = co_await std::move(running);
    if (killed_) why = kKilledText;
    WorkerStats& stats = worker_->stats();
    stats.datagrams_up.add(association.up().datagrams);
    stats.datagrams_down.add(association.down().datagrams);
    stats.datagrams_dropped.add(association.dropped());
    const std::chrono::duration<double> age = worker_->loop().now() - accepted_;
    LOG_DEBUG("{}: closed, up={} down={}, {:.3f}s, {}; {}", label(), association.up().bytes,
              association.down().bytes, age.count(), why, association.summary());
    if (access_note_) log_datagrams(association, why);
    tell_closed(why);
    datagrams_ = nullptr;
    worker_->loop().engine().close(client());
}

}  // namespace neosocksd::proxy
