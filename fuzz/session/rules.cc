// The ruleset, and the host it needs: no rule here resolves or calls other servers.

#include "fuzz/session/rules.h"

#include <fmt/format.h>

#include "fuzz/session/stream.h"
#include "io/task_group.h"
#include "ruleset/vm.h"

namespace neosocksd::fuzz {
namespace {

constexpr const char* kRuleset = R"(
local hops = {{ "socks5://hop.test:1", "http://127.3.0.2:{0}" }}
local function decide(addr)
    local aim = addr:match("^(%a+)%d+%.test")
    if aim == "reject" then return nil end
    if aim == "error" then error("as the plan says") end
    if aim == "slow" then await.sleep(0.003) end
    if aim == "chained" then return addr, hops[1], hops[2] end
    if aim == "forward" then
        if await.forward("127.0.0.1:1") then return end
        if await.forward(addr) then return end
    end
    return addr
end
return {{ resolve = decide, route = decide, route6 = decide }}
)";

class NoHost final : public ruleset::Host {
public:
    ruleset::Fields config() const override { return {}; }
    ruleset::Fields stats() const override { return {}; }
    io::Task<std::optional<std::string>> resolve(std::string) override { co_return std::nullopt; }
    std::optional<std::string> resolve_now(const std::string&) override { return std::nullopt; }
    const std::vector<proto::ProxyUrl>& first_hops() const override { return hops_; }
    void invoke(std::string, ruleset::Route) override {}
    io::Task<std::expected<std::string, std::string>> call(std::string, ruleset::Route) override {
        co_return std::string();
    }

private:
    std::vector<proto::ProxyUrl> hops_;
};

}  // namespace

struct SceneRules::State {
    explicit State(io::Loop& where) : vm(host, {}), control(where), rules(vm, where) {}

    NoHost host;
    ruleset::Vm vm;
    io::Loop& control;
    ruleset::Rules rules;
};

SceneRules::SceneRules(io::Loop& control, std::uint16_t hop_port)
    : state_(std::make_unique<State>(control)) {
    const auto done = state_->vm.update("ruleset", "=ruleset", fmt::format(kRuleset, hop_port));
    if (!done) fail("the fuzzer's ruleset: " + done.error());
    state_->vm.attach(control);
}

SceneRules::~SceneRules() = default;

ruleset::Rules* SceneRules::rules() {
    return &state_->rules;
}

void SceneRules::stop() {
    io::TaskGroup stopping;
    stopping.spawn(state_->vm.stop());
    while (!stopping.empty()) state_->control.run_once(std::chrono::seconds(1));
}

}  // namespace neosocksd::fuzz
