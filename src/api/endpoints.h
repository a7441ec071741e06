// What each endpoint does: a request in, an answer out (spec/rest.md section 2).

#pragma once

#include <expected>
#include <string>

#include "api/figures.h"
#include "api/http_request.h"
#include "api/http_response.h"
#include "api/routes.h"
#include "api/sessions_endpoint.h"
#include "api/stats_report.h"
#include "io/task.h"

namespace neosocksd::api {

class Endpoints {
public:
    // `vm` is null without a ruleset, `rpc` if nothing is ever sent.
    Endpoints(const Program& program, const ApiCounters& counters, ruleset::Vm* vm,
              const RpcClient* rpc)
        : program_(program),
          counters_(counters),
          vm_(vm),
          rpc_(rpc),
          sessions_(program.sessions()) {}

    bool has_ruleset() const { return vm_ != nullptr; }

    // `request` must stay until it returns. Nothing: the scope of the caller was cancelled, and
    // nobody is to hear the answer any more.
    io::Task<std::optional<HttpResponse>> serve(Endpoint endpoint, HttpRequest& request);

private:
    HttpResponse healthy();
    HttpResponse stats(const HttpRequest& request);
    HttpResponse metrics(const HttpRequest& request);
    HttpResponse invoke(HttpRequest& request);
    HttpResponse update(HttpRequest& request);
    HttpResponse collect();
    io::Task<std::optional<HttpResponse>> rpcall(HttpRequest& request);

    Figures figures() const { return read_figures(program_, counters_, vm_, rpc_); }

    const Program& program_;
    const ApiCounters& counters_;
    ruleset::Vm* vm_;
    const RpcClient* rpc_;
    RateMeter rates_;
    SessionsEndpoint sessions_;
};

}  // namespace neosocksd::api
