// Scripts: the ruleset of the program, or its boot configuration, and what Lua can ask of it.
//
// Made before anything else, for the file is loaded as the starting user, before the listeners are
// bound. What waits for something begins when attach() brings a loop.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/figures.h"
#include "api/rpc_client.h"
#include "app/config_reload.h"
#include "app/options.h"
#include "net/dialer.h"
#include "net/resolver.h"
#include "proxy/worker.h"
#include "ruleset/host.h"
#include "ruleset/rules.h"
#include "ruleset/vm.h"

namespace neosocksd::app {

class Scripts final : public ruleset::Host {
public:
    explicit Scripts(const Options& options);
    ~Scripts();

    // Runs the boot configuration and takes over what it sets. False: the reason has been logged.
    bool load_config(Options& options);
    // What the program shares, and the hops of -x, before the ruleset is loaded.
    void set_shared(proxy::Shared& shared) { shared_ = &shared; }
    // Loads the ruleset if there is one. False: the reason has been logged.
    bool load();

    // The loop of the control thread. From now on sessions may ask rules().
    void attach(io::Loop& loop);
    // SIGHUP: the file is read again. What workers are to be told has changed in what they share.
    struct Reloaded {
        bool outbound = false;
        bool nameservers = false;
    };
    Reloaded reload();
    // Ends what waits.
    io::Task<void> stop();

    // Whether there is a ruleset: from -r, or from the configuration.
    bool has_ruleset() const { return has_ruleset_; }
    ruleset::Vm& vm() { return vm_; }
    ruleset::Rules& rules() { return *rules_; }
    api::RpcClient& rpc() { return *rpc_; }
    net::Resolver& resolver() { return *resolver_; }
    // Of the API, for stats().
    void set_api(const api::ApiCounters* counters) { api_ = counters; }
    const net::ResolverCounters& resolver_counters() const { return resolver_->counters(); }

    // ruleset::Host
    ruleset::Fields config() const override;
    ruleset::Fields stats() const override;
    io::Task<std::optional<std::string>> resolve(std::string name) override;
    std::optional<std::string> resolve_now(const std::string& name) override;
    const std::vector<proto::ProxyUrl>& first_hops() const override;
    void invoke(std::string code, ruleset::Route route) override;
    io::Task<std::expected<std::string, std::string>> call(std::string code,
                                                           ruleset::Route route) override;

private:
    Reloaded reload_config(ruleset::LuaResult& done);
    void take_over(ConfigReload& reload, Reloaded& result);

    const Options command_line_;
    Options options_;  // as the configuration has changed them
    std::string config_path_;
    bool has_ruleset_ = false;
    proxy::Shared* shared_ = nullptr;
    io::TimePoint started_ = io::Clock::now();
    const api::ApiCounters* api_ = nullptr;  // without --api there are none
    ruleset::Vm vm_;
    std::optional<net::Resolver> resolver_;
    std::optional<net::Dialer> dialer_;
    std::optional<api::RpcClient> rpc_;
    std::optional<ruleset::Rules> rules_;
    // Messages that the ruleset sent while it was loaded, for attach().
    std::vector<std::pair<std::string, ruleset::Route>> early_messages_;
};

}  // namespace neosocksd::app
