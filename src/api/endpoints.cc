// Tested by tests/e2e/test_api_stats.py and test_api_ruleset.py.

#include "api/endpoints.h"

#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "api/explain.h"
#include "api/media_type.h"
#include "api/metrics_report.h"
#include "api/number_format.h"
#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"

namespace neosocksd::api {
namespace {

// A script's message may be of any size; 1.4.2 cut the whole response there.
constexpr std::size_t kMessageBytes = limits::kLogLineBytes;

HttpResponse failure_response(std::string message) {
    if (message.size() > kMessageBytes) message.resize(kMessageBytes);
    return text_response(500, std::move(message));
}

HttpResponse time_cost(std::string text, io::TimePoint begun) {
    text += report_line("Time Cost", format_duration(io::Clock::now() - begun));
    return text_response(200, std::move(text));
}

}  // namespace

io::Task<std::optional<HttpResponse>> Endpoints::serve(Endpoint endpoint, HttpRequest& request) {
    switch (endpoint) {
    case Endpoint::healthy: co_return healthy();
    case Endpoint::stats: co_return stats(request);
    case Endpoint::metrics: co_return metrics(request);
    case Endpoint::sessions: co_return co_await sessions_.many(request);
    case Endpoint::session: co_return co_await sessions_.one(request);
    case Endpoint::session_stream: break;  // has its connection for itself: server.cc
    case Endpoint::explain: co_return co_await program_.explainer()->explain(request);
    case Endpoint::invoke: co_return invoke(request);
    case Endpoint::update: co_return update(request);
    case Endpoint::gc: co_return collect();
    case Endpoint::rpcall: co_return co_await rpcall(request);
    }
    co_return page_response(404);
}

HttpResponse Endpoints::healthy() {
    if (program_.draining()) return text_response(503, "the server is shutting down");
    std::string reason = vm_ ? vm_->healthy() : std::string();
    if (!reason.empty()) return text_response(503, std::move(reason));
    return {};
}

HttpResponse Endpoints::stats(const HttpRequest& request) {
    const auto query = Query::parse(request.target.query);
    if (!query) return page_response(400);
    const bool post = request.method == "POST";
    const bool server = query->flag("server", true);
    const Figures now = figures();

    HttpResponse response = text_response(200, {});
    response.no_store = !post;
    response.coding = request.answer_coding;
    // Before the ruleset is asked: that takes time.
    const double dt = post ? rates_.seconds(now) : 0;
    std::optional<RateMeter> rates;
    if (post && server) rates = std::exchange(rates_, RateMeter(now));
    std::optional<std::string> said;
    if (post && vm_) said = vm_->stats(dt, query->get("q"));
    if (request.wants_json) {
        JsonWriter json;
        json.begin_object();
        if (server) write_stats(json, now, std::time(nullptr));
        if (rates) rates->write(json, now);
        if (said) json.member("ruleset_stats", *said);
        response.content_type = kJson;
        response.body = json.end().text() + "\n";
        return response;
    }
    if (server) {
        if (!query->flag("nobanner", false)) response.body += stats_banner(now);
        response.body += stats_text(now, std::time(nullptr));
    }
    if (rates) response.body += rates->text(now);
    if (said) response.body += *said;
    return response;
}

HttpResponse Endpoints::metrics(const HttpRequest& request) {
    std::string text = metrics_text(figures());
    if (vm_) text += vm_->metrics();
    if (!text.ends_with('\n')) text += '\n';  // or the whole page is malformed
    HttpResponse response = text_response(200, std::move(text));
    response.content_type = kMetricsContentType;
    response.no_store = true;
    response.coding = request.answer_coding;
    return response;
}

HttpResponse Endpoints::invoke(HttpRequest& request) {
    const auto code = request.take_body();
    if (!code) return page_response(code.error());
    const auto begun = io::Clock::now();
    const auto done = vm_->invoke(*code);
    if (done) return time_cost({}, begun);
    LOG_WARNING("ruleset invoke: {}", done.error());
    return failure_response(done.error());
}

HttpResponse Endpoints::update(HttpRequest& request) {
    const auto query = Query::parse(request.target.query);
    if (!query) return page_response(400);
    const auto code = request.take_body();
    if (!code) return page_response(code.error());
    const std::string module = query->get("module").value_or("ruleset");
    // The empty variable of a script, not the wish to replace a module without a name.
    if (module.empty()) return text_response(400, "module: the name is empty");
    const std::string chunkname = query->get("chunkname").value_or("=" + module);
    const auto begun = io::Clock::now();
    const auto done = vm_->update(module, chunkname, *code);
    if (done) return time_cost({}, begun);
    LOG_WARNING("ruleset update: {}", done.error());
    return failure_response(done.error());
}

HttpResponse Endpoints::collect() {
    const auto before = figures_of(*vm_);
    const auto begun = io::Clock::now();
    vm_->collect();
    const auto after = figures_of(*vm_);
    const auto difference = [](std::uint64_t now, std::uint64_t then) {
        return static_cast<double>(now) - static_cast<double>(then);
    };
    std::string text = report_line(
        "Difference",
        fmt::format("{} ({} objects)", format_bytes(difference(after.bytes, before.bytes)),
                    format_count(difference(after.objects, before.objects))));
    text += report_line("Ruleset Allocated", rules_memory_text(after));
    return time_cost(std::move(text), begun);
}

io::Task<std::optional<HttpResponse>> Endpoints::rpcall(HttpRequest& request) {
    if (!request.content_type || !is_rpc_content_type(*request.content_type))
        co_return page_response(400);
    auto code = request.take_body();
    if (!code) co_return page_response(code.error());
    io::Scope& scope = co_await io::current_scope();
    auto running = vm_->rpcall(std::move(*code));
    auto answer = co_await std::move(running);
    if (scope.cancelled()) co_return std::nullopt;
    if (!answer) {
        LOG_WARNING("ruleset rpcall: {}", answer.error());
        co_return failure_response(std::move(answer.error()));
    }
    HttpResponse response{.content_type = kRpcContentType, .body = std::move(*answer)};
    if (response.body.size() >= limits::kRpcCompressBytes) response.coding = request.answer_coding;
    co_return response;
}

}  // namespace neosocksd::api
