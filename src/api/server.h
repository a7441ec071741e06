// ApiServer: the listener of --api and its connections, on the control loop.
//
// It executes code for whoever may talk to it, so a request passes three gates before anything is
// done for it, and before its body is read: a browser does not send it for another site
// (browser_guard.h), its token allows it (tokens.h), and it is for something that exists
// (routes.h). Each request has the timeout; between requests a connection may be idle for as long.
// Connections are bounded (limits::kApiConnections).

#pragma once

#include <memory>
#include <string>

#include "api/browser_guard.h"
#include "api/endpoints.h"
#include "api/figures.h"
#include "api/http_request.h"
#include "api/tokens.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "net/listener.h"

namespace neosocksd::api {

struct ApiOptions {
    io::Duration timeout = std::chrono::seconds(60);
    std::size_t connections = limits::kApiConnections;
    BrowserGuard guard;
    Tokens tokens = {};
};

class ApiServer {
public:
    // `vm` is null without a ruleset, `rpc` if there is none. All must outlive this.
    ApiServer(io::Loop& loop, const Program& program, ruleset::Vm* vm, const RpcClient* rpc,
              ApiOptions options);
    ~ApiServer();

    // Takes over a listening descriptor; see net::Listener for `shared`. Once.
    void listen(int fd, bool shared);
    // Accepts no more, closes idle connections at once, and gives those that are being served
    // limits::kApiGrace to finish. To be awaited before the end.
    io::Task<void> stop();

    const ApiCounters& counters() const { return counters_; }

private:
    struct Connection;
    // What comes after a request.
    enum class After : unsigned char {
        next,
        linger,  // close, but not before the client has had the chance to read the answer
        close,
    };

    void accepted(int fd);
    void turn_away(int fd);
    io::Task<void> serve(int fd);
    io::Task<bool> wait_for_request(Connection& connection);
    io::Task<After> serve_request(Connection& connection);
    // Reads until something other than bytes is needed; nothing at the end of the stream.
    io::Task<std::optional<RequestReader::Next>> read(Connection& connection,
                                                      RequestReader::Next next);
    // The answer to a request that is not let in.
    std::optional<HttpResponse> refusal(const Connection& connection,
                                        const HttpRequest& request) const;
    io::Task<After> exchange(Connection& connection);
    io::Task<After> answer(Connection& connection, HttpResponse response);
    // The same when the request's own time is up.
    io::Task<After> answer_late(Connection& connection, HttpResponse response);
    io::Task<After> stream(Connection& connection);
    io::Task<void> linger(Connection& connection);

    io::Loop& loop_;
    const ApiOptions options_;
    const Program& program_;
    ApiCounters counters_;
    Endpoints endpoints_;
    std::unique_ptr<net::Listener> listener_;
    io::TaskGroup tasks_;
    // Between requests: cancelled when the end begins.
    io::Scope idle_{&tasks_.scope()};
    io::TimePoint last_refusal_{};
    bool stopping_ = false;
};

}  // namespace neosocksd::api
