// RPC to other nodes (spec/rpc.md): runs code on a peer's API, with or without an answer.
//
// It belongs to the control loop. One connection a request; calls and one-way messages in flight
// are bounded (limits::kRpcCalls, kRpcMessages). Everything about one request, from the first
// lookup to the last byte, happens within the timeout. Where the bytes are: rpc_request.h and
// rpc_response.h.

#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/list.h"
#include "io/event.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "net/dialer.h"
#include "ruleset/route.h"

namespace neosocksd::api {

// Written by the control thread only, and read there.
struct RpcClientCounters {
    std::uint64_t requests = 0;  // calls and messages that were begun
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
};

class RpcClient {
public:
    RpcClient(io::Loop& loop, net::Dialer& dialer, io::Duration timeout);
    // stop() first, unless it was never used.
    ~RpcClient();
    RpcClient(const RpcClient&) = delete;
    RpcClient& operator=(const RpcClient&) = delete;

    // The body of the answer, to be run as Lua text; or the message for the caller, as 1.4.2 words
    // it: "failed connecting to server", "timeout", "unsupported content-type" ... `route` names
    // every hop, those of -x included. Waits in the scope of the caller; when that is cancelled
    // the connection is closed, and the message is "cancelled".
    io::Task<std::expected<std::string, std::string>> call(std::string code, ruleset::Route route);

    // Sends and forgets. Delivery is tried once; failures, and messages beyond the bound, are
    // logged.
    void invoke(std::string code, ruleset::Route route);

    // Ends what is in flight; calls fail with "cancelled".
    io::Task<void> stop();

    const RpcClientCounters& counters() const { return counters_; }

private:
    using Answer = std::expected<std::string, std::string>;
    class Connection;
    // A call in flight.
    struct Call : ListHook {
        Call(RpcClient& owning, io::Scope* parent);
        ~Call();
        RpcClient& client;
        io::Scope scope;
    };

    io::Task<Answer> exchange(io::Socket& socket, const std::string& request,
                              const ruleset::Route& route);
    io::Task<void> deliver(std::string request, ruleset::Route route);
    io::Task<std::expected<void, std::string>> send_message(io::Socket& socket,
                                                            const std::string& request,
                                                            const ruleset::Route& route);
    io::Task<std::expected<std::string, net::DialFailure>> dial(io::Socket& socket,
                                                                const ruleset::Route& route);
    void drop_message(const ruleset::Route& route, const char* why);

    io::Loop& loop_;
    net::Dialer& dialer_;
    const io::Duration timeout_;
    io::TaskGroup messages_;
    List<Call> calls_;
    std::size_t calls_in_flight_ = 0;
    io::Event no_calls_{loop_};
    RpcClientCounters counters_;
    io::TimePoint last_drop_{};
    std::uint64_t dropped_ = 0;  // since the last line about it
    bool stopping_ = false;
};

}  // namespace neosocksd::api
