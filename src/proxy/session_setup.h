// What a session needs only until it relays: it lives in the set-up's coroutine and goes with it.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/scope.h"
#include "proto/server.h"
#include "proxy/http_exchange.h"
#include "proxy/session.h"
#include "proxy/udp_association.h"

namespace neosocksd::proxy {

// For the access log: what is learnt on the way.
struct AccessDraft {
    explicit AccessDraft(io::TimePoint now) : begun(now) {}

    io::TimePoint begun;                   // accepted, or a further HTTP request came
    std::optional<io::TimePoint> reached;  // the target was
};

struct Session::Setup {
    Setup(const proto::ServerOptions& options, io::Scope* parent)
        : machine(options), scope(parent) {}
    bool is_datagrams() const { return machine.request().command == proto::Command::udp_associate; }

    proto::ServerMachine machine;
    io::TimePoint due;         // when the deadline passes
    io::Scope scope;           // cancelled by the deadline, or when the client hangs up
    HostPort original_target;  // of a redirected connection
    std::unique_ptr<UdpAssociation> association;  // instead of a target
    std::optional<Endpoint> bound;                // of BIND: our port, in replies
    std::optional<Endpoint> peer;                 // of BIND: who has connected
    std::optional<Endpoint> announced;            // where the client of a PROXY header connected
    std::string early;                            // read behind a PROXY header
    std::string from_target;                      // what the target has said already
    std::optional<HttpExchange> exchange;         // of a plain HTTP request
    std::string switched;                         // the 101 that turns it into a tunnel
    std::unique_ptr<AccessDraft> access;          // if there is an access log
};

inline Ending ending(Outcome outcome, std::string text) {
    Ending result;
    result.outcome = outcome;
    result.text = std::move(text);
    return result;
}

// What a cancelled scope means while the client's own words are awaited.
inline Ending cut_off(const io::Scope& scope, std::string when_late) {
    switch (scope.reason()) {
    case ETIMEDOUT: return ending(Outcome::request_timeout, std::move(when_late));
    case kKilled: return ending(Outcome::killed, kKilledText);
    default: return ending(Outcome::stopped, "the server ends");
    }
}

}  // namespace neosocksd::proxy
