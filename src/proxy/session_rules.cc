// What the rules have to do with a session: they are told of the request, and what they decide is
// dialled, at the end or (await.forward) while they run. Tested by tests/e2e/test_ruleset*.py.

#include "base/log.h"
#include "io/await.h"
#include "proxy/request_names.h"
#include "proxy/session.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {
namespace {

// The reasons that await.forward gives, lua.md section 11.
std::string reason_of(const net::DialFailure& failure) {
    using Cause = net::DialFailure::Cause;
    switch (failure.cause) {
    case Cause::unresolved: return "name resolution failed";
    case Cause::blocked:
    case Cause::own_listener: return "connection blocked by policy";
    case Cause::upstream:
        switch (failure.fault) {
        case proto::UpstreamFault::protocol: return "proxy protocol error";
        case proto::UpstreamFault::authentication: return "proxy authentication failed";
        case proto::UpstreamFault::closed: return "unexpected end of connection";
        case proto::UpstreamFault::refused: break;
        }
        // By its rules, or because it could not.
        return failure.reply == proto::Reply::not_allowed ? "request rejected by proxy"
                                                          : "proxy refused connection";
    case Cause::connect:
        switch (failure.code) {
        case ETIMEDOUT: return "timeout";
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return "system error";
        default: return "connection failed";
        }
    }
    return "connection failed";
}

}  // namespace

class Session::RuleDialer final : public ruleset::Forwarder {
public:
    RuleDialer(Session& session, Setup& setup, const HostPort& asked, net::Origin origin)
        : session_(session), setup_(setup), asked_(asked), origin_(origin) {}

    io::Task<std::string> forward(ruleset::Route route) override {
        // With all of the request's time, a way that is silent would leave none for another.
        io::Loop& loop = session_.worker_->loop();
        io::Scope scope(&co_await io::current_scope());
        auto dialling = dial(route).in_scope(scope);
        const auto own = (setup_.due - loop.now()) / 2;
        std::optional<io::Deadline> deadline(std::in_place, loop, scope, own);
        auto reached = co_await std::move(dialling);
        deadline.reset();
        if (setup_.scope.cancelled()) {
            if (reached && session_.target().is_open())
                session_.worker_->loop().engine().close(session_.target());
            co_return "request cancelled";
        }
        if (!reached) {
            session_.state_ = SessionState::rules;
            LOG_DEBUG("{}: await.forward: {}", session_.label(), reached.error().text);
            co_return scope.reason() == ETIMEDOUT ? "timeout" : reason_of(reached.error());
        }
        from_target = std::move(*reached);
        co_return std::string();
    }

    io::Task<std::expected<std::string, net::DialFailure>> dial(const ruleset::Route& route) {
        const bool as_asked = is_as_asked(route.target, asked_);
        session_.note_route(route, as_asked);
        session_.state_ = SessionState::dialling;
        const net::DialRequest request{
            .target = route.target,
            // The rules' own may be a listener of ours.
            .origin = as_asked ? origin_ : net::Origin::operator_,
            .chain = route.chain,
            .socket = nullptr,
        };
        auto reaching = session_.reach(setup_, request);
        co_return co_await std::move(reaching);
    }

    std::string from_target;

private:
    Session& session_;
    Setup& setup_;
    const HostPort& asked_;
    net::Origin origin_;
};

ruleset::Request Session::rules_request(const Setup& setup) const {
    ruleset::Request request;
    if (has_request()) {
        const proto::Request& asked = setup.machine.request();
        request.kind = rule_kind(asked.target, asked.named);
        request.address = asked.text;
        request.username = asked.username;
        request.password = asked.password;
        request.protocol = protocol_name(asked.protocol, service_);
        request.command = command_name(asked.command);
    } else {
        const HostPort& target = asked_target(setup);
        request.kind = rule_kind(target, false);
        request.address = target.to_string();
        request.protocol = protocol_name(proto::Protocol::none, service_);
        request.command = "connect";
    }
    if (unix_client_)
        request.user_id = unix_client_->uid;
    else
        request.client = client_name();
    request.listener = listener_.name;
    if (announcer_) request.proxy_source = announcer_->to_string();
    return request;
}

io::Task<std::expected<std::string, Ending>> Session::dial_by_rules(Setup& setup) {
    RuleDialer dialer(*this, setup, asked_target(setup), asked_by());
    auto asking = worker_->rules()->ask(worker_->loop(), rules_request(setup), dialer);
    auto verdict = co_await std::move(asking);
    if (setup.scope.cancelled()) {
        // It may have been connected just before.
        if (target().is_open()) worker_->loop().engine().close(target());
        co_return std::unexpected(ending_of(net::DialFailure{}, setup.scope.reason()));
    }
    switch (verdict.kind) {
    case ruleset::Verdict::Kind::connected: co_return std::move(dialer.from_target);
    case ruleset::Verdict::Kind::reject:
        co_return std::unexpected(ending(Outcome::rejected, std::move(verdict.text)));
    case ruleset::Verdict::Kind::route: break;
    }
    auto dialling = dialer.dial(verdict.route);
    auto reached = co_await std::move(dialling);
    if (!reached)
        co_return std::unexpected(ending_of(std::move(reached.error()), setup.scope.reason()));
    co_return std::move(*reached);
}

}  // namespace neosocksd::proxy
