// Tested by tests/e2e/test_api_*.py.

#include "api/server.h"

#include <ctime>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "api/session_stream.h"
#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"
#include "net/unix_peer.h"
#include "proxy/hangup_watch.h"

namespace neosocksd::api {
namespace {

using Next = RequestReader::Next;

// Of lines about connections beyond the bound.
constexpr std::chrono::seconds kRefusalLineInterval{1};

std::string client_name(int fd) {
    if (const auto peer = io::peer_endpoint(fd)) return peer->to_string();
    return net::peer_credentials(fd).value_or(net::PeerCredentials{}).to_string();
}

}  // namespace

struct ApiServer::Connection {
    Connection(io::Loop& owner, int fd)
        : loop(owner), name(fmt::format("[{}] {}", fd, client_name(fd))), begun(owner.now()) {
        socket.adopt(fd);
    }
    ~Connection() {
        if (socket.is_open()) loop.engine().close(socket);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    io::Loop& loop;
    io::Socket socket;
    std::string name;  // for the log
    RequestReader reader;
    io::TimePoint begun;  // of the request: accepted, or its first byte arrived
    bool first = true;
    bool answering = false;            // some of the answer may be on its way
    io::Deadline* deadline = nullptr;  // of the request
};

ApiServer::ApiServer(io::Loop& loop, const Program& program, ruleset::Vm* vm, const RpcClient* rpc,
                     ApiOptions options)
    : loop_(loop),
      options_(std::move(options)),
      program_(program),
      endpoints_(program, counters_, vm, rpc) {}

ApiServer::~ApiServer() = default;

void ApiServer::listen(int fd, bool shared) {
    listener_ = std::make_unique<net::Listener>(
        loop_, fd, [this](int connection) { accepted(connection); }, nullptr, shared);
    listener_->start();
}

io::Task<void> ApiServer::stop() {
    stopping_ = true;
    if (listener_) co_await listener_->stop();
    idle_.cancel(ECANCELED);
    const io::Deadline grace(loop_, tasks_.scope(), limits::kApiGrace);
    co_await tasks_.drained();
}

void ApiServer::accepted(int fd) {
    counters_.accepted++;
    if (tasks_.size() >= options_.connections) return turn_away(fd);
    tasks_.spawn(serve(fd));
}

// Said without waiting: a page fits into any empty socket buffer.
void ApiServer::turn_away(int fd) {
    counters_.refused++;
    if (loop_.now() - last_refusal_ >= kRefusalLineInterval) {
        LOG_WARNING("api: more than {} connections, {} refused so far", options_.connections,
                    counters_.refused);
        last_refusal_ = loop_.now();
    }
    const std::string page = to_bytes(page_response(503), false, false, std::time(nullptr));
    [[maybe_unused]] const auto sent =
        ::send(fd, page.data(), page.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(fd);
}

io::Task<void> ApiServer::serve(int fd) {
    Connection connection(loop_, fd);
    auto after = After::next;
    while (after == After::next && !stopping_) {
        if (!co_await wait_for_request(connection)) co_return;
        after = co_await serve_request(connection);
        connection.first = false;
    }
    if (after == After::linger) co_await linger(connection);
}

io::Task<bool> ApiServer::wait_for_request(Connection& connection) {
    RequestReader& reader = connection.reader;
    if (connection.first) co_return true;  // the timeout runs from accept on
    // Waits for readiness alone: a byte must not be read and lost when the wait is cut short.
    if (!reader.started()) {
        io::Scope scope(&idle_);
        const io::Deadline deadline(loop_, scope, options_.timeout);
        auto waiting = [](io::Loop& loop, io::Socket& socket) -> io::Task<Result<void>> {
            co_return co_await io::wait_for(loop, socket, io::Readiness::readable);
        };
        auto ready = waiting(loop_, connection.socket).in_scope(scope);
        if (!co_await std::move(ready)) co_return false;
    }
    connection.begun = loop_.now();
    connection.answering = false;
    co_return true;
}

io::Task<ApiServer::After> ApiServer::serve_request(Connection& connection) {
    io::Scope scope(&tasks_.scope());
    After after;
    {
        const auto due = connection.begun + options_.timeout;
        io::Deadline deadline(loop_, scope, due - loop_.now());
        connection.deadline = &deadline;
        auto exchanging = exchange(connection).in_scope(scope);
        after = co_await std::move(exchanging);
    }
    if (scope.reason() != ETIMEDOUT || after != After::close) co_return after;
    if (connection.reader.reading()) {
        LOG_DEBUG("api: {}: request timeout", connection.name);
        if (!connection.reader.started()) co_return After::close;
        co_return co_await answer_late(connection, page_response(408));
    }
    const HttpRequest& request = connection.reader.request();
    LOG_WARNING("api: {}: {} {} was not answered in time", connection.name, request.method,
                request.target.path_text());
    // Callers of routines expect a close; who asks for an explanation has asked a person's
    // question.
    const auto endpoint = route(request, endpoints_.has_ruleset());
    if (connection.answering || endpoint != Endpoint::explain) co_return After::close;
    co_return co_await answer_late(
        connection, text_response(504, "explain: the rules have not decided within the timeout"));
}

io::Task<ApiServer::After> ApiServer::answer_late(Connection& connection, HttpResponse response) {
    io::Scope scope(&tasks_.scope());
    const io::Deadline deadline(loop_, scope, limits::kLingerTime);
    auto answering = answer(connection, std::move(response)).in_scope(scope);
    co_return co_await std::move(answering);
}

io::Task<std::optional<Next>> ApiServer::read(Connection& connection, Next next) {
    while (next == Next::need_bytes) {
        const auto got = co_await io::recv(loop_, connection.socket, [&](std::string_view bytes) {
            counters_.rx_bytes += bytes.size();
            next = connection.reader.feed(bytes);
        });
        if (!got || *got == 0) co_return std::nullopt;
    }
    co_return next;
}

std::optional<HttpResponse> ApiServer::refusal(const Connection& connection,
                                               const HttpRequest& request) const {
    if (const char* why = options_.guard.refusal(request)) {
        LOG_WARNING("api: {}: {} {} refused: {}", connection.name, request.method,
                    request.target.path_text(), why);
        return page_response(403);
    }
    const auto needed = needed_role(request);
    if (needed && !options_.tokens.empty()) {
        const auto role =
            request.authorization ? options_.tokens.role_of(*request.authorization) : std::nullopt;
        if (!role) return page_response(401);
        if (*needed == Role::admin && *role != Role::admin) return page_response(403);
    }
    const auto found = route(request, endpoints_.has_ruleset());
    if (!found) return found.error();
    return std::nullopt;
}

io::Task<ApiServer::After> ApiServer::exchange(Connection& connection) {
    RequestReader& reader = connection.reader;
    auto started = connection.first ? Next::need_bytes : reader.next_request();
    auto next = co_await read(connection, started);
    if (!next) co_return After::close;
    HttpRequest& request = reader.request();
    if (*next == Next::refuse)
        co_return co_await answer(connection, page_response(reader.status()));

    counters_.requests++;
    if (auto refused = refusal(connection, request))
        co_return co_await answer(connection, std::move(*refused));
    next = reader.accept_body();
    if (!reader.output().empty()) {
        const auto sent = co_await io::send_all(loop_, connection.socket, reader.output());
        if (!sent) co_return After::close;
        reader.output().clear();
    }
    next = co_await read(connection, *next);
    if (!next) co_return After::close;
    if (*next == Next::refuse)
        co_return co_await answer(connection, page_response(reader.status()));

    const auto endpoint = route(request, endpoints_.has_ruleset());
    if (*endpoint == Endpoint::session_stream) co_return co_await stream(connection);
    io::Scope& scope = co_await io::current_scope();
    std::optional<HttpResponse> response;
    {
        // Only calls wait. A caller that has reset its connection wants no answer; one that has
        // closed its side may.
        proxy::HangupWatch watch(loop_, connection.socket, scope, false);
        auto serving = endpoints_.serve(*endpoint, request);
        response = co_await std::move(serving);
        co_await watch.stop();
    }
    if (!response) co_return After::close;
    co_return co_await answer(connection, std::move(*response));
}

io::Task<ApiServer::After> ApiServer::answer(Connection& connection, HttpResponse response) {
    const HttpRequest& request = connection.reader.request();
    LOG_DEBUG("api: {}: {} {} -> {}", connection.name, request.method, request.target.path_text(),
              response.status);
    const bool keep_alive = request.keep_alive && may_keep_alive(response) && !stopping_;
    if (response.status < 400) counters_.successes++;
    connection.answering = true;
    const std::string bytes =
        to_bytes(std::move(response), keep_alive, request.is_head(), std::time(nullptr));
    const auto sent = co_await io::send_all(loop_, connection.socket, bytes);
    if (!sent) co_return After::close;
    counters_.tx_bytes += bytes.size();
    co_return keep_alive ? After::next : After::linger;
}

// Goes on until the client leaves or the server ends: no timeout applies.
io::Task<ApiServer::After> ApiServer::stream(Connection& connection) {
    const auto text = Query::parse(connection.reader.request().target.query);
    if (!text) co_return co_await answer(connection, page_response(400));
    auto query = parse_stream_query(*text);
    if (!query) co_return co_await answer(connection, text_response(400, std::move(query.error())));
    proxy::SessionDirectory& sessions = program_.sessions();
    if (sessions.events().watchers() >= limits::kSessionStreams)
        co_return co_await answer(connection, page_response(503));
    counters_.successes++;
    connection.deadline->stop();
    io::Scope scope(&idle_);
    proxy::HangupWatch watch(loop_, connection.socket, scope, true);
    {
        SessionStream stream(sessions, std::move(*query));
        auto running = stream.run(connection.socket, counters_.tx_bytes).in_scope(scope);
        co_await std::move(running);
    }
    co_await watch.stop();
    co_return After::close;
}

io::Task<void> ApiServer::linger(Connection& connection) {
    ::shutdown(connection.socket.fd(), SHUT_WR);
    io::Scope scope(&idle_);
    const io::Deadline deadline(loop_, scope, limits::kLingerTime);
    auto draining =
        io::drain_input(loop_, connection.socket, limits::kApiLingerBytes).in_scope(scope);
    co_await std::move(draining);
}

}  // namespace neosocksd::api
