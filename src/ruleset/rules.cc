// Tested by inquiry_test.cc and tests/e2e/test_ruleset*.py.

#include "ruleset/rules.h"

#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"
#include "ruleset/globals.h"
#include "ruleset/vm.h"

namespace neosocksd::ruleset {
namespace {

void push_optional(lua_State* lua, const std::optional<std::string>& text) {
    if (text)
        push(lua, *text);
    else
        lua_pushnil(lua);
}

void set_text(lua_State* lua, const char* name, std::string_view text) {
    if (text.empty()) return;
    push(lua, text);
    lua_setfield(lua, -2, name);
}

void push_request(lua_State* lua, const Request& request) {
    lua_createtable(lua, 0, 5);
    set_text(lua, "client", request.client);
    set_text(lua, "listener", request.listener);
    set_text(lua, "protocol", request.protocol);
    set_text(lua, "command", request.command);
    set_text(lua, "proxy_source", request.proxy_source);
    if (request.user_id) {
        lua_pushinteger(lua, *request.user_id);
        lua_setfield(lua, -2, "user_id");
    }
}

// Whether the function at `index` can see a fourth argument: most do not look, and a table costs.
bool takes_request(lua_State* lua, int index) {
    lua_Debug debug;
    if (lua_type(lua, index) != LUA_TFUNCTION) return true;
    lua_pushvalue(lua, index);
    lua_getinfo(lua, ">u", &debug);
    return debug.nparams >= 4 || debug.isvararg;
}

}  // namespace

io::Task<Verdict> Rules::ask(io::Loop& worker, Request request, Forwarder& forwarder,
                             std::shared_ptr<Transcript> transcript) {
    const auto inquiry =
        std::make_shared<Inquiry>(*this, worker, std::move(request), std::move(transcript));
    auto asking = inquiry->ask(forwarder);
    co_return co_await std::move(asking);
}

// One await.forward, as the control thread sees it. The next one has its own: what comes late of
// this one must not be taken for an answer to that.
struct Inquiry::Dial {
    explicit Dial(io::Loop& loop) : done(loop) {}
    io::Event done;
    std::string failure;
};

Inquiry::Inquiry(Rules& rules, io::Loop& worker, Request request,
                 std::shared_ptr<Transcript> transcript)
    : rules_(rules),
      request_(std::move(request)),
      transcript_(std::move(transcript)),
      worker_(worker) {}

void Inquiry::complain(const std::string& text) {
    if (transcript_)
        transcript_->add(text);
    else
        NEOSOCKSD_LOG_LINES(error, "{}", text);
}

bool Inquiry::one_loop() const {
    return &worker_ == &rules_.control();
}

template <typename What>
bool Inquiry::put(What what) {
    if (one_loop()) {
        what(*this);
        return true;
    }
    io::Message message = [self = shared_from_this(), what = std::move(what)]() mutable {
        what(*self);
    };
    return rules_.control().post(message);
}

template <typename What>
void Inquiry::reply(What what) {
    if (one_loop()) {
        what(*this);
        return;
    }
    io::Message message = [self = shared_from_this(), what = std::move(what)]() mutable {
        what(*self);
    };
    // Refused: the worker has ended, and all its sessions before it.
    [[maybe_unused]] const bool posted = worker_.post_answer(message);
}

template <typename What>
io::Task<void> Inquiry::insist(What what) {
    if (one_loop()) {
        what(*this);
        co_return;
    }
    io::Message message = [self = shared_from_this(), what = std::move(what)]() mutable {
        what(*self);
    };
    // The control thread takes its messages for as long as there are workers.
    while (!rules_.control().post(message)) co_await io::sleep(worker_, limits::kMailboxRetry);
}

io::Task<Verdict> Inquiry::ask(Forwarder& forwarder) {
    // With a loop for each, many requests may arrive at once: they take their turns.
    const bool asked = put([](Inquiry& self) {
        if (self.one_loop())
            self.start();
        else
            self.queue();
    });
    if (!asked) co_return Verdict{.route = {}, .text = "the rules have too many requests waiting"};
    for (;;) {
        const auto told = co_await told_.wait();
        if (!told) {
            io::Scope uncancelled(nullptr);
            auto telling = insist([](Inquiry& self) { self.caller_gone(); }).in_scope(uncancelled);
            co_await std::move(telling);
            co_return Verdict{.route = {}, .text = "cancelled"};
        }
        if (verdict_) co_return std::move(*verdict_);
        if (!to_forward_) continue;
        Route route = std::move(*std::exchange(to_forward_, std::nullopt));
        std::string failure;
        {
            io::Scope scope(&co_await io::current_scope());
            dialling_ = &scope;
            auto dialling = forwarder.forward(std::move(route)).in_scope(scope);
            failure = co_await std::move(dialling);
            dialling_ = nullptr;
        }
        const bool connected = failure.empty();
        io::Scope uncancelled(nullptr);
        auto telling = insist([failure = std::move(failure)](Inquiry& self) mutable {
                           self.forwarded(std::move(failure));
                       }).in_scope(uncancelled);
        co_await std::move(telling);
        if (connected) co_return Verdict{.kind = Verdict::Kind::connected, .route = {}, .text = {}};
    }
}

void Inquiry::queue() {
    queued_ = shared_from_this();
    rules_.vm().routines().enqueue(*this);
}

void Inquiry::run() {
    const auto self = std::exchange(queued_, nullptr);
    start();
}

void Inquiry::start() {
    if (state_ != State::open) return;
    Vm& vm = rules_.vm();
    const Vm::Entry entry(vm);
    lua_State* lua = vm.state();
    const char* name = callback_name(request_.kind);
    const bool found = vm.push_callback(name);
    if (!found || lua_isnil(lua, -1)) {
        const std::string why = found ? "attempt to call a nil value" : vm.pop_error();
        if (found) {
            lua_pop(lua, 1);
            lua_pushfstring(lua, "ruleset.%s: %s", name, why.c_str());
            vm.keep_error(lua);
            lua_pop(lua, 1);
        }
        complain(fmt::format("ruleset error: ruleset.{}: {}", name, why));
        answer({.route = {}, .text = "ruleset error"});
        return;
    }
    Routine& routine = vm.routines().take(shared_from_this());
    lua_State* thread = routine.thread;
    lua_xmove(lua, thread, 1);
    const bool with_request = takes_request(thread, -1);
    push(thread, request_.address);
    push_optional(thread, request_.username);
    push_optional(thread, request_.password);
    if (with_request) push_request(thread, request_);
    vm.routines().resume(thread, lua, with_request ? 4 : 3);
}

void Inquiry::ended(lua_State* thread, int status, int results) {
    Vm& vm = rules_.vm();
    if (status != LUA_OK) {
        lua_State* lua = vm.state();
        // The error stays on the thread, for its __close methods.
        lua_pushvalue(thread, -1);
        lua_xmove(thread, lua, 1);
        // The operator's log always gets the place.
        if (!vm.traceback()) vm.keep_error(lua);
        add_traceback(lua, thread);
        if (vm.traceback()) vm.keep_error(lua);
        complain("ruleset error: " + vm.pop_error());
        answer({.route = {}, .text = "ruleset error"});
        return;
    }
    // await.forward has connected, or nobody waits any more.
    if (state_ == State::connected || state_ == State::closed) return;
    std::string reason;
    std::optional<Route> route;
    const int first = lua_gettop(thread) - results + 1;
    // A plain no, as nil is.
    if (!lua_isboolean(thread, first) || lua_toboolean(thread, first))
        route = read_route(thread, first, vm.host().first_hops(), reason);
    if (route) {
        answer({.kind = Verdict::Kind::route, .route = std::move(*route), .text = {}});
        return;
    }
    if (!reason.empty())
        complain(fmt::format("ruleset.{}: {}", callback_name(request_.kind), reason));
    answer({.route = {}, .text = reason.empty() ? "rejected by ruleset" : std::move(reason)});
}

void Inquiry::lost() {
    answer({.route = {}, .text = "the ruleset has dropped the request"});
}

void Inquiry::answer(Verdict verdict) {
    if (state_ == State::connected || state_ == State::closed) return;
    state_ = State::closed;
    reply([verdict = std::move(verdict)](Inquiry& self) mutable {
        self.verdict_ = std::move(verdict);
        if (self.dialling_) self.dialling_->cancel(ECANCELED);
        self.told_.set();
    });
}

io::Task<std::string> Inquiry::forward(Route route) {
    state_ = State::forwarding;
    reply([route = std::move(route)](Inquiry& self) mutable {
        self.to_forward_ = std::move(route);
        self.told_.set();
    });
    const auto dial = std::make_shared<Dial>(rules_.control());
    dial_ = dial;
    const auto done = co_await dial->done.wait();
    // Cancelled: the routine was closed or resumed, which has not answered the request yet.
    if (!done) co_return "request cancelled";
    co_return std::move(dial->failure);
}

void Inquiry::forwarded(std::string failure) {
    if (state_ != State::forwarding) return;
    state_ = failure.empty() ? State::connected : State::open;
    dial_->failure = std::move(failure);
    dial_->done.set();
}

void Inquiry::caller_gone() {
    if (state_ == State::forwarding) forwarded("request cancelled");
    if (state_ != State::connected) state_ = State::closed;
}

}  // namespace neosocksd::ruleset
