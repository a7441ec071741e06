// Tested by rpc_client_test.cc and tests/e2e/test_rpc.py.

#include "api/rpc_client.h"

#include <cassert>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "api/rpc_request.h"
#include "api/rpc_response.h"
#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"

namespace neosocksd::api {
namespace {

// Of lines about messages that are dropped: under a flood each would repeat the last.
constexpr std::chrono::seconds kDropLineInterval{1};

std::unexpected<std::string> fail(std::string message) {
    return std::unexpected(std::move(message));
}

}  // namespace

// A socket that is closed at the end, whatever happens.
class RpcClient::Connection {
public:
    explicit Connection(io::Loop& loop) : loop_(loop) {}
    ~Connection() {
        if (socket_.is_open()) loop_.engine().close(socket_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    io::Socket& socket() { return socket_; }

private:
    io::Loop& loop_;
    io::Socket socket_;
};

RpcClient::Call::Call(RpcClient& owning, io::Scope* parent) : client(owning), scope(parent) {
    client.calls_.push_back(*this);
    client.calls_in_flight_++;
}

RpcClient::Call::~Call() {
    if (--client.calls_in_flight_ == 0 && client.stopping_) client.no_calls_.set();
}

RpcClient::RpcClient(io::Loop& loop, net::Dialer& dialer, io::Duration timeout)
    : loop_(loop), dialer_(dialer), timeout_(timeout) {}

RpcClient::~RpcClient() {
    assert(calls_in_flight_ == 0);
}

io::Task<RpcClient::Answer> RpcClient::call(std::string code, ruleset::Route route) {
    if (stopping_) co_return fail("cancelled");
    if (calls_in_flight_ >= limits::kRpcCalls) {
        LOG_WARNING("rpcall `{}': too many calls in flight", route.target.to_string());
        co_return fail("too many calls");
    }
    const auto request = rpc_request(kRpcCallPath, code);
    if (!request) co_return fail("request too large");
    code.clear();

    io::Scope& outer = co_await io::current_scope();
    Call call(*this, &outer);
    counters_.requests++;
    Answer answer;
    {
        const io::Deadline deadline(loop_, call.scope, timeout_);
        Connection connection(loop_);
        auto exchanging = exchange(connection.socket(), *request, route).in_scope(call.scope);
        answer = co_await std::move(exchanging);
    }
    if (!answer && call.scope.cancelled())
        answer = fail(call.scope.reason() == ETIMEDOUT ? "timeout" : "cancelled");
    if (!answer) LOG_DEBUG("rpcall `{}': {}", route.target.to_string(), answer.error());
    co_return answer;
}

io::Task<RpcClient::Answer> RpcClient::exchange(io::Socket& socket, const std::string& request,
                                                const ruleset::Route& route) {
    const auto surplus = co_await dial(socket, route);
    if (!surplus) co_return fail("failed connecting to server");
    const auto sent = co_await io::send_all(loop_, socket, request);
    if (!sent) co_return fail(std::strerror(sent.error().code));
    counters_.tx_bytes += request.size();

    RpcResponse response;
    auto next = response.feed(*surplus);
    while (next == RpcResponse::Next::need_bytes) {
        const auto got = co_await io::recv(loop_, socket, [&](std::string_view bytes) {
            counters_.rx_bytes += bytes.size();
            next = response.feed(bytes);
        });
        if (!got) co_return fail("error receiving response");
        if (*got == 0) next = response.end_of_stream();
    }
    co_return response.take();
}

void RpcClient::invoke(std::string code, ruleset::Route route) {
    if (stopping_) return;
    if (messages_.size() >= limits::kRpcMessages)
        return drop_message(route, "too many messages in flight");
    auto request = rpc_request(kRpcInvokePath, code);
    if (!request) return drop_message(route, "too large");
    counters_.requests++;
    messages_.spawn(deliver(std::move(*request), std::move(route)));
}

void RpcClient::drop_message(const ruleset::Route& route, const char* why) {
    dropped_++;
    if (loop_.now() - last_drop_ < kDropLineInterval) return;
    LOG_WARNING("invoke `{}': dropped, {} ({} since the last such line)", route.target.to_string(),
                why, dropped_);
    last_drop_ = loop_.now();
    dropped_ = 0;
}

io::Task<void> RpcClient::deliver(std::string request, ruleset::Route route) {
    io::Scope scope(&messages_.scope());
    const io::Deadline deadline(loop_, scope, timeout_);
    Connection connection(loop_);
    auto sending = send_message(connection.socket(), request, route).in_scope(scope);
    const auto sent = co_await std::move(sending);
    if (sent) co_return;
    if (scope.reason() == ECANCELED) co_return;  // the server ends
    LOG_WARNING("invoke `{}': {}", route.target.to_string(),
                scope.cancelled() ? "timeout" : sent.error());
}

io::Task<std::expected<void, std::string>> RpcClient::send_message(io::Socket& socket,
                                                                   const std::string& request,
                                                                   const ruleset::Route& route) {
    const auto surplus = co_await dial(socket, route);
    if (!surplus) co_return fail(surplus.error().text);
    const auto sent = co_await io::send_all(loop_, socket, request);
    if (!sent) co_return fail(sent.error().to_string());
    counters_.tx_bytes += request.size();
    // To close now could reset the connection when the peer answers, and destroy the request
    // before it is read. Whether it answers, and what, does not matter.
    ::shutdown(socket.fd(), SHUT_WR);
    co_await io::drain_input(loop_, socket, limits::kLingerBytes);
    co_return std::expected<void, std::string>();
}

io::Task<std::expected<std::string, net::DialFailure>> RpcClient::dial(
    io::Socket& socket, const ruleset::Route& route) {
    const net::DialRequest request{.target = route.target,
                                   .origin = net::Origin::operator_,
                                   .chain = route.chain,
                                   .socket = nullptr};
    auto dialled = co_await dialer_.dial(socket, request);
    if (!dialled) LOG_DEBUG("rpc: {}", dialled.error().text);
    co_return dialled;
}

io::Task<void> RpcClient::stop() {
    stopping_ = true;
    messages_.cancel();
    calls_.for_each([](Call& call) { call.scope.cancel(ECANCELED); });
    co_await messages_.drained();
    while (calls_in_flight_ > 0) {
        const auto idle = co_await no_calls_.wait();
        if (!idle) break;
    }
}

}  // namespace neosocksd::api
