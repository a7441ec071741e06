// Tested by tests/e2e/test_api_*.py.

#include "app/api_service.h"

#include <algorithm>

#include "base/log.h"
#include "io/task_group.h"
#include "net/egress_address.h"

namespace neosocksd::app {
namespace {

// Half of the reserve that sessions leave free (limits::kDescriptorReserve), where descriptors are
// so few that it matters.
std::size_t connection_bound(const proxy::Shared& shared) {
    constexpr std::int64_t kLeast = 8;
    constexpr std::int64_t kShare = 16;
    const std::int64_t budget = shared.admission.room() / kShare;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(
        budget, kLeast, static_cast<std::int64_t>(limits::kApiConnections)));
}

bool load_token_file(const std::string& path, api::Tokens& tokens) {
    auto file = api::load_tokens(path);
    if (!file) {
        LOG_ERROR("token file `{}': {}", path, file.error());
        return false;
    }
    if (file->world_readable)
        LOG_WARNING("token file `{}' can be read by every user of this machine", path);
    tokens = std::move(file->tokens);
    return true;
}

void warn_if_exposed(const net::ListeningSockets& socket, const api::Tokens& tokens) {
    if (!tokens.empty() || !socket.has_endpoint() ||
        net::classify(socket.endpoint().ip) == net::AddressClass::loopback)
        return;
    LOG_WARNING(
        "the API listens on {} without --api-token-file: whoever reaches it can run code "
        "in this process",
        socket.name());
}

}  // namespace

std::unique_ptr<ApiService> ApiService::bind(const Options& options, Process& process,
                                             proxy::Shared& shared) {
    api::Tokens tokens;
    if (!options.api_token_file.empty() && !load_token_file(options.api_token_file, tokens)) {
        LOG_FATAL("failed to start api server");
        return nullptr;
    }
    auto bound = net::bind_listener(
        *options.api, {.reuseport = options.reuseport, .inherited = &process.inherited()});
    if (!bound) {
        if (!bound.error().reason.empty()) LOG_ERROR("{}", bound.error().reason);
        if (bound.error().bad_address)
            LOG_FATAL("unable to parse address: {}", *options.api);
        else
            LOG_FATAL("failed to start api server");
        return nullptr;
    }
    if (bound->has_endpoint()) shared.policy.add_own_listener(bound->endpoint());
    process.keep(bound->take_file());
    LOG_NOTICE("api listen: {}", bound->name());
    warn_if_exposed(*bound, tokens);

    api::BrowserGuard guard(*options.api, options.api_hosts, !bound->has_endpoint());
    api::ApiOptions api_options{.timeout = shared.config.timeout,
                                .connections = connection_bound(shared),
                                .guard = std::move(guard),
                                .tokens = std::move(tokens)};
    std::unique_ptr<ApiService> service(
        // tidy: allow(new) the constructor is private
        new ApiService(std::move(api_options)));
    service->socket_ = std::move(*bound);
    return service;
}

void ApiService::start(io::Loop& control, const proxy::Shared& shared, Scripts* scripts) {
    scripts_ = scripts;
    program_ = std::make_unique<ApiProgram>(control, shared, scripts);
    ruleset::Vm* vm = scripts && scripts->has_ruleset() ? &scripts->vm() : nullptr;
    const api::RpcClient* rpc = scripts ? &scripts->rpc() : nullptr;
    server_ = std::make_unique<api::ApiServer>(control, *program_, vm, rpc, std::move(options_));
    if (scripts) scripts->set_api(&server_->counters());
    server_->listen(socket_.take(0), socket_.shared());
}

void ApiService::drain() {
    if (program_) program_->start_draining();
}

void ApiService::stop(io::Loop& control) {
    io::TaskGroup stopping;
    stopping.spawn(server_->stop());
    while (!stopping.empty()) control.run_once(std::chrono::seconds(1));
    if (scripts_) scripts_->set_api(nullptr);
    server_.reset();
}

}  // namespace neosocksd::app
