// Tested by tests/e2e/test_ruleset*.py and tests/lua.

#include "app/scripts.h"

#include <limits.h>
#include <netdb.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include "app/config_fields.h"
#include "base/log.h"

namespace neosocksd::app {
namespace {

// Where the shipped library lies, seen from the program: installed, or in the build tree. Without
// std::filesystem, which would bring half a megabyte of streams and locales to a static program.
std::vector<std::string> library_path() {
    std::string program(PATH_MAX, '\0');
    const ssize_t size = ::readlink("/proc/self/exe", program.data(), program.size());
    if (size <= 0) return {};
    program.resize(static_cast<std::size_t>(size));
    const std::string directory = program.substr(0, program.rfind('/'));
    const std::string parent = directory.substr(0, directory.rfind('/'));
    return {parent + "/share/neosocksd", directory + "/share/neosocksd"};
}

ruleset::VmOptions vm_options(const Options& options) {
    ruleset::VmOptions result;
    result.memory_limit = static_cast<std::size_t>(options.memlimit) * 1024 * 1024;
    result.traceback = options.traceback;
    result.watchdog = std::chrono::duration_cast<io::Duration>(
        std::chrono::duration<double>(options.lua_watchdog_seconds));
    result.library_path = library_path();
    return result;
}

constexpr std::size_t kEarlyMessages = 64;  // more than any ruleset sends while it loads

}  // namespace

Scripts::Scripts(const Options& options)
    : command_line_(options),
      options_(options),
      config_path_(options.config),
      has_ruleset_(!options.ruleset.empty()),
      vm_(*this, vm_options(options)) {}

Scripts::~Scripts() = default;

bool Scripts::load_config(Options& options) {
    const auto done = vm_.load_config(config_path_, [&](lua_State* lua) {
        Options changed = options;
        read_config_fields(lua, changed);
        options = changed;
    });
    if (!done) {
        NEOSOCKSD_LOG_LINES(error, "config load: {}", done.error());
        LOG_FATAL("unable to load configuration: {}", config_path_);
        return false;
    }
    options_ = options;
    has_ruleset_ = vm_.has_ruleset();
    vm_.set_memory_limit(static_cast<std::size_t>(options.memlimit) * 1024 * 1024);
    vm_.set_traceback(options.traceback);
    return true;
}

bool Scripts::load() {
    if (options_.ruleset.empty()) return true;
    const auto done = vm_.load_ruleset(options_.ruleset);
    if (done) return true;
    NEOSOCKSD_LOG_LINES(error, "ruleset load: {}", done.error());
    LOG_FATAL("unable to load ruleset: {}", options_.ruleset);
    return false;
}

void Scripts::attach(io::Loop& loop) {
    resolver_.emplace(loop, shared_->resolver);
    dialer_.emplace(loop, *resolver_, shared_->policy, shared_->config.outgoing);
    rpc_.emplace(loop, *dialer_, shared_->config.timeout);
    rules_.emplace(vm_, loop);
    vm_.attach(loop);
    for (auto& [code, route] : std::exchange(early_messages_, {}))
        rpc_->invoke(std::move(code), std::move(route));
    if (has_ruleset_) shared_->rules = &*rules_;
}

Scripts::Reloaded Scripts::reload() {
    ruleset::LuaResult done;
    Reloaded result;
    if (config_path_.empty())
        done = vm_.load_ruleset(options_.ruleset);
    else
        result = reload_config(done);
    if (done)
        LOG_NOTICE("ruleset successfully reloaded");
    else
        NEOSOCKSD_LOG_LINES(warning, "failed to reload ruleset: {}", done.error());
    return result;
}

Scripts::Reloaded Scripts::reload_config(ruleset::LuaResult& done) {
    Reloaded result;
    std::optional<ConfigReload> reload;
    done = vm_.load_config(config_path_, [&](lua_State* lua) {
        // What the file does not say any more is as the command line says.
        Options wanted = command_line_;
        read_config_fields(lua, wanted);
        auto planned = plan_reload(options_, wanted);
        // Before the ruleset is replaced.
        if (!planned) luaL_error(lua, "%s", planned.error().c_str());
        reload = std::move(*planned);
    });
    if (done && reload) take_over(*reload, result);
    return result;
}

// Listeners and sessions keep what they were made with.
void Scripts::take_over(ConfigReload& reload, Reloaded& result) {
    if (!reload.restart.empty())
        LOG_WARNING("changes of `{}' need a restart", fmt::join(reload.restart, "', `"));
    result.outbound = reload.outbound != shared_->outbound;
    result.nameservers = reload.options.nameserver != options_.nameserver;
    options_ = std::move(reload.options);
    shared_->outbound = std::move(reload.outbound);
    shared_->resolver.nameservers = options_.nameserver;
    if (result.nameservers) resolver_->set_nameservers(options_.nameserver);
    log::set_level(options_.loglevel);
    vm_.set_memory_limit(static_cast<std::size_t>(options_.memlimit) * 1024 * 1024);
    vm_.set_traceback(options_.traceback);
    // The sandbox, the API and the listeners were made for a program without rules.
    if (!has_ruleset_ && vm_.has_ruleset())
        LOG_WARNING("the first ruleset of `{}' needs a restart", config_path_);
}

io::Task<void> Scripts::stop() {
    auto stopping_vm = vm_.stop();
    co_await std::move(stopping_vm);
    auto stopping_rpc = rpc_->stop();
    co_await std::move(stopping_rpc);
    auto stopping_resolver = resolver_->stop();
    co_await std::move(stopping_resolver);
}

ruleset::Fields Scripts::config() const {
    return config_fields(options_);
}

ruleset::Fields Scripts::stats() const {
    using proxy::Outcome;
    std::int64_t half_open = 0;
    std::int64_t sessions = 0;
    std::int64_t peak = 0;
    std::uint64_t up = 0;
    std::uint64_t down = 0;
    std::uint64_t accepted = 0;
    std::uint64_t served = 0;
    std::uint64_t requests = 0;
    std::uint64_t queries = 0;
    std::uint64_t resolved = 0;
    std::array<std::uint64_t, proxy::kOutcomes> outcomes{};
    std::uint64_t forwarded = 0;
    if (shared_ && rules_) {
        half_open = shared_->admission.half_open();
        sessions = shared_->admission.sessions();
        peak = shared_->admission.peak_sessions();
        for (proxy::Worker* worker : shared_->workers) {
            if (!worker) continue;
            const proxy::WorkerStats& stats = worker->stats();
            up += worker->relays().up_bytes.load(std::memory_order_relaxed);
            down += worker->relays().down_bytes.load(std::memory_order_relaxed);
            accepted += stats.accepted.get();
            served += stats.accepted.get() - stats.refused.get();
            requests += stats.requests.get();
            forwarded += stats.http_forwarded.get();
            for (std::size_t i = 0; i < outcomes.size(); i++)
                outcomes[i] += stats.outcomes[i].get();
            queries += worker->resolver_counters().queries.load(std::memory_order_relaxed);
            resolved += worker->resolver_counters().successes.load(std::memory_order_relaxed);
        }
        queries += resolver_->counters().queries.load(std::memory_order_relaxed);
        resolved += resolver_->counters().successes.load(std::memory_order_relaxed);
    }
    const auto of = [&](Outcome outcome) { return outcomes[static_cast<std::size_t>(outcome)]; };
    std::uint64_t upstream = 0;
    for (const Outcome outcome :
         {Outcome::blocked, Outcome::own_listener, Outcome::unresolved,
          Outcome::network_unreachable, Outcome::host_unreachable, Outcome::connection_refused,
          Outcome::connect_failed, Outcome::upstream_failed})
        upstream += of(outcome);
    const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
    return {
        {"num_halfopen", half_open},
        {"num_sessions", sessions},
        {"num_sessions_peak", peak},
        {"byt_up", number(up)},
        {"byt_down", number(down)},
        {"uptime", number(std::chrono::nanoseconds(io::Clock::now() - started_).count())},
        {"num_request", number(requests)},
        {"num_success", number(of(Outcome::established) + forwarded)},
        {"num_reject_ruleset", number(of(Outcome::rejected))},
        {"num_reject_timeout", number(of(Outcome::dial_timeout) + of(Outcome::request_timeout))},
        {"num_reject_upstream", number(upstream)},
        {"num_accept", number(accepted)},
        {"num_serve", number(served)},
        {"num_api_request", number(api_ ? api_->requests : 0)},
        {"num_api_success", number(api_ ? api_->successes : 0)},
        {"num_dns_query", number(queries)},
        {"num_dns_success", number(resolved)},
    };
}

io::Task<std::optional<std::string>> Scripts::resolve(std::string name) {
    // An address is its own answer, as with getaddrinfo(3).
    if (const auto literal = IpAddress::parse(name)) co_return literal->to_string();
    auto resolving = resolver_->resolve(std::move(name));
    const auto addresses = co_await std::move(resolving);
    if (!addresses || addresses->empty()) co_return std::nullopt;
    co_return addresses->front().to_string();
}

std::optional<std::string> Scripts::resolve_now(const std::string& name) {
    addrinfo hints{};
    hints.ai_family = options_.family;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
    const auto endpoint = Endpoint::from_sockaddr(found->ai_addr);
    ::freeaddrinfo(found);
    if (!endpoint) return std::nullopt;
    return endpoint->ip.to_string();
}

const std::vector<proto::ProxyUrl>& Scripts::first_hops() const {
    static const std::vector<proto::ProxyUrl> kNone;
    return shared_ ? shared_->outbound.chain : kNone;
}

void Scripts::invoke(std::string code, ruleset::Route route) {
    if (rpc_)
        rpc_->invoke(std::move(code), std::move(route));
    else if (early_messages_.size() < kEarlyMessages)
        early_messages_.emplace_back(std::move(code), std::move(route));
    else
        LOG_WARNING("neosocksd.invoke: too many messages while the ruleset is loaded");
}

io::Task<std::expected<std::string, std::string>> Scripts::call(std::string code,
                                                                ruleset::Route route) {
    auto calling = rpc_->call(std::move(code), std::move(route));
    co_return co_await std::move(calling);
}

}  // namespace neosocksd::app
