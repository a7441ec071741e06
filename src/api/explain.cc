// Tested by explain_test.cc and tests/e2e/test_api_explain.py.

#include "api/explain.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "base/limits.h"
#include "io/await.h"
#include "proxy/udp_rules.h"

namespace neosocksd::api {
namespace {

using ruleset::Verdict;

// By name, since requests keep pointers to constants; and whether the protocol sends an address as
// text, so that it is a name to the rules.
struct ProtocolRow {
    const char* name;
    bool named;
};
constexpr ProtocolRow kProtocols[] = {{"socks5", false},  {"socks4", false},  {"socks4a", true},
                                      {"http", true},     {"forward", false}, {"tproxy", false},
                                      {"redirect", false}};
constexpr const char* kCommands[] = {"connect", "bind", "udp_associate", "http_forward"};
constexpr std::string_view kParameters[] = {"addr",     "user",     "password", "client",
                                            "listener", "protocol", "command"};

std::unexpected<std::string> complain(std::string text) {
    return std::unexpected("explain: " + std::move(text) + "\n");
}

void write_chain(JsonWriter& json, const std::vector<proto::ProxyUrl>& chain) {
    json.begin_array("chain");
    for (const proto::ProxyUrl& hop : chain) json.member({}, hop.to_string());
    json.end();
}

const char* verdict_name(Verdict::Kind kind) {
    switch (kind) {
    case Verdict::Kind::route: return "connect";
    case Verdict::Kind::connected: return "connected by await.forward";
    case Verdict::Kind::reject: break;
    }
    return "reject";
}

// Dials nothing: await.forward succeeds, as far as anybody can tell.
class DryForwarder final : public ruleset::Forwarder {
public:
    io::Task<std::string> forward(ruleset::Route route) override {
        routes.push_back(std::move(route));
        co_return std::string();
    }
    std::vector<ruleset::Route> routes;
};

}  // namespace

std::expected<ExplainedRequest, std::string> parse_explain_query(const Query& query) {
    for (const auto& entry : query.values())
        if (std::ranges::find(kParameters, entry.first) == std::end(kParameters))
            return complain(fmt::format("unknown parameter `{}'", entry.first));
    const auto addr = query.get("addr");
    if (!addr) return complain("addr=HOST:PORT is missing");
    std::string reason;
    auto target = HostPort::parse(*addr, &reason);
    if (!target) return complain(std::move(reason));

    ExplainedRequest result;
    const std::string protocol = query.get("protocol").value_or("socks5");
    const auto* row = std::ranges::find(kProtocols, protocol, &ProtocolRow::name);
    if (row == std::end(kProtocols)) return complain(fmt::format("bad protocol `{}'", protocol));
    const std::string command = query.get("command").value_or("connect");
    const auto* known = std::ranges::find(kCommands, command);
    if (known == std::end(kCommands)) return complain(fmt::format("bad command `{}'", command));
    result.request.kind = proxy::rule_kind(*target, row->named);
    result.request.address = target->to_string();
    result.request.username = query.get("user");
    result.request.password = query.get("password");
    const std::string client = query.get("client").value_or("127.0.0.1:0");
    if (!ruleset::set_client(result.request, client))
        return complain(fmt::format("bad client `{}': ADDRESS:PORT or unix:uid=NUMBER", client));
    result.request.listener = query.get("listener").value_or("");
    result.request.protocol = row->name;
    result.request.command = *known;
    result.target = std::move(*target);
    return result;
}

std::optional<std::string> tag_of(std::string_view line) {
    const auto end = line.rfind("] \"");
    if (end == std::string_view::npos || !line.ends_with('"')) return std::nullopt;
    const auto begin = line.rfind('[', end);
    if (begin == std::string_view::npos || (begin > 0 && line[begin - 1] != ' '))
        return std::nullopt;
    return std::string(line.substr(begin + 1, end - begin - 1));
}

io::Task<void> Explainer::write_first_hop(JsonWriter& json, const ruleset::Route& route,
                                          bool as_asked) {
    const HostPort& first = route.chain.empty() ? route.target : route.chain.front().host;
    const net::Origin origin =
        route.chain.empty() && as_asked ? net::Origin::client : net::Origin::operator_;
    json.begin_object("first_hop").member("host", first.to_string());
    std::vector<IpAddress> addresses;
    std::string failure;
    if (first.ip) {
        addresses.push_back(*first.ip);
    } else {
        auto resolving = resolver_.resolve(first.name);
        const auto found = co_await std::move(resolving);
        if (found)
            addresses.assign(found->begin(), found->end());
        else
            failure = net::describe_resolve_error(found.error());
    }
    json.begin_array("addresses");
    for (const IpAddress& address : addresses) {
        const Endpoint endpoint{address, first.port};
        const auto vetted = policy_.vet(endpoint, origin);
        json.begin_object().member("address", endpoint.to_string());
        json.member("policy", vetted ? "allowed"
                              : vetted.error() == net::EgressPolicy::Refusal::own_listener
                                  ? "own listener"
                                  : "blocked");
        json.end();
    }
    json.end();
    if (!failure.empty()) json.member("error", failure);
    json.end();
}

io::Task<std::optional<HttpResponse>> Explainer::explain(const HttpRequest& request) {
    const auto query = Query::parse(request.target.query);
    if (!query) co_return page_response(400);
    auto asked = parse_explain_query(*query);
    if (!asked) co_return text_response(400, std::move(asked.error()));
    const ruleset::Request& question = asked->request;

    io::Scope& scope = co_await io::current_scope();
    const auto transcript = std::make_shared<ruleset::Transcript>();
    DryForwarder forwarder;
    const auto begun = io::Clock::now();
    auto asking = rules_.ask(rules_.control(), question, forwarder, transcript);
    const Verdict verdict = co_await std::move(asking);
    const std::chrono::duration<double> taken = io::Clock::now() - begun;
    if (scope.cancelled()) co_return std::nullopt;

    JsonWriter json;
    json.begin_object();
    json.member("callback", ruleset::callback_name(question.kind));
    json.member("addr", question.address);
    json.member("verdict", verdict_name(verdict.kind));
    const ruleset::Route* route = nullptr;
    if (verdict.kind == Verdict::Kind::reject)
        json.member("reason", verdict.text);
    else
        route = verdict.kind == Verdict::Kind::route ? &verdict.route : &forwarder.routes.back();
    if (route) {
        const bool as_asked = proxy::is_as_asked(route->target, asked->target);
        json.member("target", route->target.to_string()).member("as_asked", as_asked);
        write_chain(json, route->chain);
        auto writing = write_first_hop(json, *route, as_asked);
        co_await std::move(writing);
    }
    json.begin_array("forwards");
    for (const ruleset::Route& forwarded : forwarder.routes) {
        json.begin_object().member("target", forwarded.target.to_string());
        write_chain(json, forwarded.chain);
        json.end();
    }
    json.end();
    json.begin_array("tags");
    for (const std::string& line : transcript->lines())
        if (const auto tag = tag_of(line)) json.member({}, *tag);
    json.end();
    json.begin_array("log");
    for (const std::string& line : transcript->lines()) json.member({}, line);
    json.end();
    if (transcript->lost() > 0) json.member("log_lost", transcript->lost());
    json.member("seconds", taken.count()).end();
    if (scope.cancelled()) co_return std::nullopt;
    co_return HttpResponse{.status = 200,
                           .content_type = kJson,
                           .no_store = true,
                           .coding = request.answer_coding,
                           .body = json.text() + "\n"};
}

}  // namespace neosocksd::api
