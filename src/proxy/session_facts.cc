// A session as others see it: what a listing shows of it, and how it is ended from outside.
//
// An idle tunnel must stay small, so little is kept for this alone: the hops of -x are known to
// all, and only a session with a user, or whose rules have changed something, has notes. Tested by
// tests/e2e/test_api_sessions.py.

#include "proxy/http_exchange.h"
#include "proxy/request_names.h"
#include "proxy/session.h"
#include "proxy/udp_association.h"
#include "proxy/udp_rules.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

std::string Session::client_name() const {
    if (unix_client_) return unix_client_->to_string();
    // It had reset the connection before we looked.
    if (client_address_ == Endpoint{}) return "unknown client";
    return client_address_.to_string();
}

Session::Notes& Session::notes() {
    if (!notes_) notes_ = std::make_unique<Notes>();
    return *notes_;
}

void Session::note_request(const proto::Request& request) {
    protocol_ = request.protocol;
    command_ = request.command;
    // Of the request before, if it was plain HTTP.
    notes_.reset();
    if (request.username && !request.username->empty()) notes().user = *request.username;
}

void Session::note_route(const ruleset::Route& route, bool as_asked) {
    const auto& usual = outbound_->chain;
    if (as_asked && route.chain == usual && !notes_) return;
    notes().route = as_asked ? std::string() : route.target.to_string();
    notes().chain.reset();
    if (route.chain == usual) return;
    notes().chain.emplace();
    for (const proto::ProxyUrl& hop : route.chain) notes().chain->push_back(hop.to_string());
}

SessionFacts Session::facts() const {
    SessionFacts facts;
    facts.id = id_;
    facts.client = client_address_;
    if (unix_client_) facts.client_uid = unix_client_->uid;
    if (notes_) facts.user = notes_->user;
    facts.listener = listener_.name;
    facts.protocol = protocol_name(protocol_, service_);
    facts.target = target_;
    facts.state = state_;
    facts.worker = worker_->index();
    facts.age = worker_->loop().now() - accepted_;
    facts.up_bytes = total_up();
    facts.down_bytes = total_down();
    if (http_ && http_->exchange) {
        facts.up_bytes += http_->exchange->up_bytes();
        facts.down_bytes += http_->exchange->down_bytes();
    }
    if (datagrams_) {
        facts.up_bytes = datagrams_->up().bytes;
        facts.down_bytes = datagrams_->down().bytes;
    }
    return facts;
}

SessionRow Session::describe(const SessionFacts& facts) {
    SessionRow row;
    row.id = facts.id;
    row.client = client_name();
    if (announcer_) row.announced_by = announcer_->to_string();
    row.user = facts.user;
    row.listener = facts.listener;
    row.protocol = protocol_name(protocol_, service_);
    row.command = command_name(command_);
    row.target = target_;
    if (notes_) row.route = notes_->route;
    if (notes_ && notes_->chain)
        row.chain = *notes_->chain;
    else if (service_ != Service::forward || !outbound_->forward_socket)
        for (const proto::ProxyUrl& hop : outbound_->chain) row.chain.push_back(hop.to_string());
    if (relaying_ && outbound_->forward_socket && service_ == Service::forward)
        row.address = outbound_->forward_socket->to_string();
    else if (address_ && command_ != proto::Command::udp_associate)  // there it is our own
        row.address = Endpoint{address_->ip.unmapped(), address_->port}.to_string();
    row.client_address = facts.client;
    row.client_uid = facts.client_uid;
    row.worker = facts.worker;
    row.engine = worker_->engine_name();
    row.state = facts.state;
    row.age = facts.age;
    row.up_bytes = facts.up_bytes;
    row.down_bytes = facts.down_bytes;
    if (http_) row.http_requests = http_->requests;
    return row;
}

void Session::kill() {
    if (killed_) return;
    killed_ = true;
    if (relaying_)
        // A cut that looked like an orderly end would make half a file a whole one.
        stop(true);
    else
        scope_->cancel(kKilled);
}

}  // namespace neosocksd::proxy
