// Tested by tests/e2e/test_ruleset_program.py.

#include "app/rules_check.h"

#include <cstdio>

#include <fmt/format.h>

#include "app/outbound.h"
#include "base/log.h"
#include "io/task_group.h"

namespace neosocksd::app {
namespace {

using ruleset::Verdict;

std::string describe(const ruleset::Route& route) {
    std::string text = route.target.to_string();
    for (const auto& hop : route.chain)
        text += (&hop == &route.chain.front() ? " through " : ", ") + hop.to_string();
    return text;
}

void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
}

// Dials nothing: await.forward succeeds.
class DryForwarder final : public ruleset::Forwarder {
public:
    io::Task<std::string> forward(ruleset::Route route) override {
        say("await.forward: connect to " + describe(route));
        co_return std::string();
    }
};

std::optional<ruleset::Request> request_of(const Options& options) {
    std::string reason;
    const auto target = HostPort::parse(options.ask, &reason);
    if (!target) {
        LOG_ERROR("--ask: {}", reason);
        return std::nullopt;
    }
    ruleset::Request request;
    using Kind = ruleset::Request::Kind;
    request.kind = !target->ip ? Kind::resolve : target->ip->is_v4() ? Kind::route : Kind::route6;
    request.address = target->to_string();
    if (options.user) {
        const auto colon = options.user->find(':');
        request.username = options.user->substr(0, colon);
        if (colon != std::string::npos) request.password = options.user->substr(colon + 1);
    }
    if (!ruleset::set_client(request, options.ask_from)) {
        LOG_ERROR("--from: `{}' is neither ADDRESS:PORT nor unix:uid=NUMBER", options.ask_from);
        return std::nullopt;
    }
    request.listener = options.listen.value_or("");
    request.protocol = "socks5";
    request.command = "connect";
    return request;
}

io::Task<void> ask(io::Loop& loop, Scripts& scripts, ruleset::Request request, bool& accepted) {
    DryForwarder forwarder;
    auto asking = scripts.rules().ask(loop, std::move(request), forwarder);
    const Verdict verdict = co_await std::move(asking);
    accepted = verdict.kind != Verdict::Kind::reject;
    switch (verdict.kind) {
    case Verdict::Kind::route: say("verdict: connect to " + describe(verdict.route)); break;
    case Verdict::Kind::connected: say("verdict: connected by await.forward"); break;
    case Verdict::Kind::reject: say("verdict: reject (" + verdict.text + ")"); break;
    }
}

int ask_rules(io::Loop& loop, const Options& options, Scripts& scripts) {
    auto request = request_of(options);
    if (!request) return 1;
    say(fmt::format("request: {}(\"{}\")", ruleset::callback_name(request->kind),
                    request->address));
    bool accepted = false;
    io::TaskGroup group;
    group.spawn(ask(loop, scripts, std::move(*request), accepted));
    const auto until =
        io::Clock::now() + std::chrono::duration_cast<io::Duration>(
                               std::chrono::duration<double>(options.timeout_seconds));
    while (!group.empty() && io::Clock::now() < until)
        loop.run_once(std::chrono::milliseconds(100));
    if (group.empty()) return accepted ? 0 : 1;
    say(fmt::format("verdict: none within {} seconds", options.timeout_seconds));
    group.cancel();
    while (!group.empty()) loop.run_once(std::chrono::milliseconds(100));
    return 1;
}

}  // namespace

int check_rules(const Options& options, Scripts& scripts) {
    proxy::Shared shared({}, {});
    auto outbound = parse_outbound(options);
    if (!outbound) {
        LOG_ERROR("{}", outbound.error());
        return 1;
    }
    shared.outbound = std::move(*outbound);
    shared.resolver = {options.family, options.nameserver};
    scripts.set_shared(shared);
    if (!scripts.load()) return 1;
    if (!scripts.has_ruleset()) {
        LOG_ERROR("{} brings no ruleset", options.config);
        return 1;
    }
    io::Loop loop(io::EngineChoice::epoll);
    scripts.attach(loop);
    say(fmt::format("{}: loaded", options.ruleset.empty() ? options.config : options.ruleset));
    const int status = options.ask.empty() ? 0 : ask_rules(loop, options, scripts);
    io::TaskGroup stopping;
    stopping.spawn(scripts.stop());
    while (!stopping.empty()) loop.run_once(std::chrono::seconds(1));
    return status;
}

}  // namespace neosocksd::app
