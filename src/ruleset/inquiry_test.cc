// Questions to the rules: what they answer, what a session dials for them, and that whoever leaves
// first does no harm. Each test runs with one loop for both, and with a loop and a thread for the
// session's side; in the name of the suite, so that ThreadSanitizer takes it.

#include <atomic>
#include <functional>
#include <thread>

#include "base/log.h"
#include "ruleset/vm_fixture.h"

namespace neosocksd::ruleset {
namespace {

using Kind = Verdict::Kind;
using testing::HasSubstr;

// A session: asks, and dials as the test wants.
class Session final : public Forwarder {
public:
    Session(Rules& rules, io::Loop& loop, Request request)
        : rules_(rules), loop_(loop), request_(std::move(request)) {}

    // In its own thread.
    io::Task<void> ask() {
        auto asking = rules_.ask(loop_, request_, *this).in_scope(scope);
        verdict = co_await std::move(asking);
        done = true;
    }
    // "h:0" connects; "slow:0" after a moment; "never:0" hangs; others fail.
    io::Task<std::string> forward(Route route) override {
        dials++;
        const std::string target = route.target.to_string();
        if (target == "slow:0" || target == "never:0") {
            const auto slept = co_await io::sleep(loop_, target == "slow:0" ? 5ms : 1000s);
            if (!slept) {
                cancelled++;
                co_return "request cancelled";
            }
        }
        co_return target == "h:0" || target == "slow:0" ? "" : "connection failed";
    }

    io::Scope scope{nullptr};
    Verdict verdict;
    std::atomic<bool> done = false;
    std::atomic<int> dials = 0;
    std::atomic<int> cancelled = 0;

private:
    Rules& rules_;
    io::Loop& loop_;
    Request request_;
};

class InquiryLoopTest : public VmTest, public testing::WithParamInterface<int> {
protected:
    InquiryLoopTest() {
        run("_G.ruleset = {}");
        if (GetParam() == 1) {
            worker = &loop;
            return;
        }
        std::atomic<bool> made = false;
        thread = std::thread([this, &made] {
            io::Loop own(io::EngineChoice::epoll);
            io::TaskGroup tasks;
            worker = &own;
            group = &tasks;
            made = true;
            while (!ending || !tasks.empty()) own.run_once(1ms);
            own.close_mailbox();
            gone = true;
            while (!released) std::this_thread::yield();
        });
        while (!made) std::this_thread::yield();
    }
    ~InquiryLoopTest() override {
        if (GetParam() == 1) {
            EXPECT_TRUE(io::run_until(loop, [&] { return own_group.empty(); }));
            return;
        }
        ending = true;
        EXPECT_TRUE(io::run_until(loop, [&] { return gone.load(); }));
        EXPECT_EQ(lua_gettop(vm->state()), 0);
        stop();  // before its loop goes
        released = true;
        thread.join();
    }

    // Runs `what` in the session's thread.
    void post(std::function<void()> what) {
        if (GetParam() == 1) {
            what();
            return;
        }
        io::Message message = std::move(what);
        while (!worker->post(message)) std::this_thread::yield();
    }
    void begin(Session& session) {
        post([this, &session] { tasks().spawn(session.ask()); });
    }
    bool wait(Session& session) {
        return io::run_until(loop, [&] { return session.done.load(); });
    }
    Verdict ask(Request request) {
        Session session(rules, *worker, std::move(request));
        begin(session);
        EXPECT_TRUE(wait(session));
        finish();
        last_dials = session.dials;
        return std::move(session.verdict);
    }
    // Until no session's task runs.
    void finish() {
        std::atomic<bool> empty = false;
        EXPECT_TRUE(io::run_until(loop, [&] {
            post([this, &empty] { empty = tasks().empty(); });
            return empty.load();
        }));
        // The last of them has been run.
        std::atomic<bool> passed = false;
        post([&passed] { passed = true; });
        EXPECT_TRUE(io::run_until(loop, [&] { return passed.load(); }));
    }
    static Request asked(std::string address) {
        Request request;
        request.address = std::move(address);
        return request;
    }
    Verdict ask_address(std::string address) { return ask(asked(std::move(address))); }
    static std::string told(const Verdict& verdict) {
        switch (verdict.kind) {
        case Kind::route: return verdict.route.target.to_string();
        case Kind::connected: return "connected";
        case Kind::reject: break;
        }
        return "no: " + verdict.text;
    }
    io::TaskGroup& tasks() { return GetParam() == 1 ? own_group : *group; }

    Rules rules{*vm, loop};
    io::TaskGroup own_group;
    io::Loop* worker = nullptr;
    io::TaskGroup* group = nullptr;
    std::thread thread;
    std::atomic<bool> ending = false;
    std::atomic<bool> gone = false;
    std::atomic<bool> released = false;
    int last_dials = 0;
};
INSTANTIATE_TEST_SUITE_P(, InquiryLoopTest, testing::Values(1, 2),
                         [](const auto& info) { return info.param == 1 ? "one" : "two"; });

TEST_P(InquiryLoopTest, each_kind_has_its_callback_and_its_arguments) {
    run(R"(
        for _, name in ipairs{"resolve", "route", "route6"} do
            ruleset[name] = function(...)
                _G.seen = name
                for i = 1, 3 do _G.seen = seen .. " " .. tostring((select(i, ...))) end
                local request = select(4, ...)
                _G.count = select("#", ...)
                _G.fields = {}
                for key, value in pairs(request) do fields[#fields + 1] = key .. "=" .. value end
                table.sort(fields)
                return "h:1"
            end
        end)");
    Request request;
    request.address = "Name.:80";
    EXPECT_EQ(told(ask(request)), "h:1");
    EXPECT_EQ(text("seen"), "resolve Name.:80 nil nil");
    EXPECT_EQ(text("count"), "4");
    EXPECT_EQ(text("#fields"), "0");
    request.kind = Request::Kind::route;
    request.address = "1.2.3.4:80";
    request.username = "";
    request.client = "127.0.0.1:5";
    request.listener = "127.0.0.1:1080";
    request.protocol = "socks4";
    request.command = "connect";
    request.proxy_source = "10.0.0.1:6";
    ask(request);
    EXPECT_EQ(text("seen"), "route 1.2.3.4:80  nil");
    EXPECT_EQ(text("table.concat(fields, ' ')"),
              "client=127.0.0.1:5 command=connect listener=127.0.0.1:1080 protocol=socks4 "
              "proxy_source=10.0.0.1:6");
    request.kind = Request::Kind::route6;
    request.address = "[::1]:80";
    request.password = std::string("p\0w", 3);
    request.user_id = 1000;
    ask(request);
    EXPECT_THAT(text("seen"), testing::StartsWith("route6 [::1]:80  p"));
    EXPECT_THAT(text("table.concat(fields, ' ')"), HasSubstr("user_id=1000"));
}

TEST_P(InquiryLoopTest, a_callback_that_does_not_look_gets_no_table) {
    run("function ruleset.resolve(a, b, c) return debug.getinfo(1, 'u').nparams .. ':1' end");
    EXPECT_EQ(told(ask_address("a:1")), "3:1");
    run("ruleset.resolve = setmetatable({}, {__call = function(_, ...) return 'h:' .. "
        "select('#', ...) end})");
    EXPECT_EQ(told(ask_address("a:1")), "h:4");
}

TEST_P(InquiryLoopTest, a_plain_no) {
    for (const char* const value : {"", "nil", "false"}) {
        run("function ruleset.resolve() return " + std::string(value) + " end");
        EXPECT_EQ(told(ask_address("a:1")), "no: rejected by ruleset") << value;
    }
    run("function ruleset.resolve() return true end");
    EXPECT_EQ(told(ask_address("a:1")), "no: value 1 is a boolean, not an address");
}

TEST_P(InquiryLoopTest, an_error_refuses_at_once_and_is_kept) {
    run("function ruleset.resolve() error('early', 0) end");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(lasterror(), "early");
    run("function ruleset.resolve() await.sleep(0) error('late', 0) end");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(lasterror(), "late");
    run("function ruleset.resolve() error(setmetatable({}, {__tostring = error})) end");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    run("function ruleset.resolve() error() end");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_P(InquiryLoopTest, a_missing_callback_or_ruleset_refuses_at_once) {
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(lasterror(), "ruleset.resolve: attempt to call a nil value");
    run("_G.ruleset = nil");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(lasterror(), "attempt to index a nil value");
    run("_G.ruleset = setmetatable({}, {__index = function() return function() return 'i:1' end "
        "end})");
    EXPECT_EQ(told(ask_address("a:1")), "i:1");
    run("_G.ruleset = {resolve = 5}");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
}

TEST_P(InquiryLoopTest, variables_of_a_failed_callback_are_closed_with_its_error) {
    run("function ruleset.resolve() local g <close> = setmetatable({}, {__close = "
        "function(_, e) _G.given = e end}) error('why', 0) end");
    EXPECT_EQ(told(ask_address("a:1")), "no: ruleset error");
    EXPECT_EQ(text("given"), "why");
}

TEST_P(InquiryLoopTest, a_callback_may_wait) {
    run("function ruleset.resolve(a) await.sleep(0.001) await.idle() return a end");
    EXPECT_EQ(told(ask_address("a:1")), "a:1");
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_P(InquiryLoopTest, a_callback_that_nobody_resumes_is_refused_when_collected) {
    run("function ruleset.resolve(a) coroutine.yield() return a end");
    Session session(rules, *worker, asked("a:1"));
    begin(session);
    ASSERT_TRUE(io::run_until(loop, [&] { return vm->threads_active() == 1; }));
    vm->collect();
    ASSERT_TRUE(wait(session));
    finish();
    EXPECT_EQ(told(session.verdict), "no: the ruleset has dropped the request");
}

TEST_P(InquiryLoopTest, a_routine_that_a_script_closes_or_resumes_is_answered) {
    run("function ruleset.resolve(a) _G.co = coroutine.running() await.sleep(1000) return a end");
    for (const auto& [what, answer] :
         {std::pair("close", "no: the ruleset has dropped the request"),
          std::pair("resume", "a:1")}) {
        Session session(rules, *worker, asked("a:1"));
        begin(session);
        ASSERT_TRUE(until("co ~= nil"));
        run("coroutine." + std::string(what) + "(co) _G.co = nil");
        ASSERT_TRUE(wait(session));
        finish();
        EXPECT_EQ(told(session.verdict), answer);
    }
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_P(InquiryLoopTest, forward_connects_whatever_comes_later) {
    run("function ruleset.resolve() _G.ok = await.forward('h:0') _G.again = select(2, "
        "pcall(await.forward, 'h:0')) error('later') end");
    EXPECT_EQ(told(ask_address("a:1")), "connected");
    EXPECT_TRUE(until("again ~= nil"));
    EXPECT_EQ(text("ok"), "true");
    EXPECT_EQ(text("again"), "await.forward: the request is not forwardable");
}

TEST_P(InquiryLoopTest, forward_that_fails_leaves_the_request_open) {
    run("function ruleset.resolve(a) _G.ok, _G.why = await.forward('x:1') if a == 'b:1' then "
        "return await.forward('slow:0') end return a end");
    EXPECT_EQ(told(ask_address("a:1")), "a:1");
    EXPECT_EQ(text("tostring(ok) .. why"), "falseconnection failed");
    EXPECT_EQ(told(ask_address("b:1")), "connected");
    EXPECT_EQ(last_dials, 2);
}

TEST_P(InquiryLoopTest, forward_refuses_what_it_must) {
    run("function ruleset.resolve() _G.none = select('#', await.forward()) == 1 and "
        "await.forward(nil, 'x') == nil _G.bad = select(2, pcall(await.forward, 'h')) "
        "_G.bad2 = select(2, pcall(await.forward, 'h:1', 5)) local f = function() "
        "_G.nested = select(2, pcall(await.forward, 'h:0')) end "
        "neosocksd.async(f, f) coroutine.wrap(f)() end");
    EXPECT_EQ(told(ask_address("a:1")), "no: rejected by ruleset");
    EXPECT_EQ(last_dials, 0);
    EXPECT_EQ(text("none"), "true");
    EXPECT_EQ(text("bad .. bad2"), "invalid addressinvalid address");
    EXPECT_EQ(text("nested"), "await.forward must be called from a ruleset request handler");
}

TEST_P(InquiryLoopTest, closing_a_routine_that_dials_cancels_the_dial) {
    run("function ruleset.resolve() _G.co = coroutine.running() await.forward('never:0') end");
    Session session(rules, *worker, asked("a:1"));
    begin(session);
    ASSERT_TRUE(io::run_until(loop, [&] { return session.dials == 1; }));
    run("coroutine.close(co)");
    ASSERT_TRUE(wait(session));
    finish();
    EXPECT_EQ(told(session.verdict), "no: the ruleset has dropped the request");
    EXPECT_EQ(session.cancelled, 1);
}

TEST_P(InquiryLoopTest, a_routine_resumed_while_it_dials_still_decides) {
    run("function ruleset.resolve() _G.co = coroutine.running() _G.n = select('#', "
        "await.forward('never:0')) _G.again = select(2, pcall(await.forward, 'h:0')) "
        "return 'b:2' end");
    Session session(rules, *worker, asked("a:1"));
    begin(session);
    ASSERT_TRUE(io::run_until(loop, [&] { return session.dials == 1; }));
    run("coroutine.resume(co)");
    ASSERT_TRUE(wait(session));
    finish();
    EXPECT_EQ(told(session.verdict), "b:2");
    EXPECT_EQ(text("n"), "0");
    EXPECT_EQ(text("again"), "await.forward: the request is not forwardable");
}

TEST_P(InquiryLoopTest, a_caller_that_leaves_is_told_nothing_and_the_routine_goes_on) {
    run("function ruleset.resolve() _G.begun = true while not go do await.sleep(0.001) end "
        "_G.why = select(2, pcall(await.forward, 'h:0')) return 'h:1' end");
    Session session(rules, *worker, asked("a:1"));
    begin(session);
    ASSERT_TRUE(until("begun"));
    post([&] { session.scope.cancel(ETIMEDOUT); });
    ASSERT_TRUE(wait(session));
    finish();
    EXPECT_EQ(told(session.verdict), "no: cancelled");
    run("_G.go = true");
    EXPECT_TRUE(until("why ~= nil"));
    EXPECT_EQ(text("why"), "await.forward: the request is not forwardable");
    EXPECT_TRUE(io::run_until(loop, [&] { return vm->threads_active() == 0; }));
}

TEST_P(InquiryLoopTest, a_caller_that_leaves_while_it_dials_ends_the_wait) {
    run("function ruleset.resolve() _G.ok, _G.why = await.forward('never:0') end");
    Session session(rules, *worker, asked("a:1"));
    begin(session);
    ASSERT_TRUE(io::run_until(loop, [&] { return session.dials == 1; }));
    post([&] { session.scope.cancel(ECONNRESET); });
    ASSERT_TRUE(wait(session));
    finish();
    EXPECT_TRUE(until("why ~= nil"));
    EXPECT_EQ(text("tostring(ok) .. why"), "falserequest cancelled");
}

TEST_P(InquiryLoopTest, the_vm_ends_with_callbacks_that_wait) {
    run("function ruleset.resolve() local g <close> = setmetatable({}, {__close = print}) "
        "await.sleep(1000) end");
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < 20; i++) {
        sessions.push_back(std::make_unique<Session>(rules, *worker, asked("a:1")));
        begin(*sessions.back());
    }
    ASSERT_TRUE(io::run_until(loop, [&] { return vm->threads_active() == 20; }));
    for (const auto& session : sessions) post([&] { session->scope.cancel(ECANCELED); });
    for (const auto& session : sessions) ASSERT_TRUE(wait(*session));
    finish();
}

TEST_P(InquiryLoopTest, many_at_once) {
    // A fifth of the requests fail, and would each tell of it.
    struct Quiet {
        Quiet() { log::set_level(static_cast<int>(log::Level::fatal)); }
        ~Quiet() { log::set_level(before); }
        int before = log::level();
    } quiet;
    run("function ruleset.resolve(a) local n = tonumber(a:match('%d+')) if n % 3 == 0 then "
        "await.idle() elseif n % 5 == 0 then error('five') elseif n % 7 == 0 then "
        "return await.forward('slow:0') end return a end");
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < 500; i++) {
        sessions.push_back(
            std::make_unique<Session>(rules, *worker, asked("h" + std::to_string(i) + ":1")));
        begin(*sessions.back());
        if (i % 11 == 0)
            post([session = sessions.back().get()] { session->scope.cancel(ECONNRESET); });
    }
    for (const auto& session : sessions) ASSERT_TRUE(wait(*session));
    finish();
    EXPECT_TRUE(io::run_until(loop, [&] { return vm->threads_active() == 0; }));
    EXPECT_EQ(told(sessions[1]->verdict), "h1:1");
    EXPECT_EQ(told(sessions[3]->verdict), "h3:1");
    EXPECT_EQ(told(sessions[5]->verdict), "no: ruleset error");
    EXPECT_EQ(told(sessions[7]->verdict), "connected");
}

}  // namespace
}  // namespace neosocksd::ruleset
