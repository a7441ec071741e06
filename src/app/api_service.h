// The API (--api) as a part of the server: bound with the other listeners, started on the control
// loop, and stopped when no session is left. While sessions finish (--drain) it goes on, so that a
// load balancer hears from /healthy that it should look elsewhere.

#pragma once

#include <memory>

#include "api/server.h"
#include "app/api_program.h"
#include "app/options.h"
#include "app/process.h"
#include "app/scripts.h"
#include "net/bind_listener.h"
#include "proxy/worker.h"

namespace neosocksd::app {

class ApiService {
public:
    // Binds and reads the tokens, as the starting user; clients can not reach the listener from
    // now on. Null: the reason has been logged.
    static std::unique_ptr<ApiService> bind(const Options& options, Process& process,
                                            proxy::Shared& shared);

    // When every worker exists. `scripts` may be null.
    void start(io::Loop& control, const proxy::Shared& shared, Scripts* scripts);
    // The end has begun.
    void drain();
    // The loop is turned until nothing of it is left.
    void stop(io::Loop& control);

private:
    explicit ApiService(api::ApiOptions options) : options_(std::move(options)) {}

    api::ApiOptions options_;
    net::ListeningSockets socket_;
    std::unique_ptr<ApiProgram> program_;
    std::unique_ptr<api::ApiServer> server_;
    Scripts* scripts_ = nullptr;
};

}  // namespace neosocksd::app
