// Routines: waits of every shape, and what scripts can do to threads that are not theirs.

#include "ruleset/vm_fixture.h"

namespace neosocksd::ruleset {
namespace {

using testing::HasSubstr;

class RoutinesTest : public VmTest {
protected:
    RoutinesTest() {
        run(R"(
            function _G.start(f, ...)
                local r = {}
                r.co = neosocksd.async(function(...) r.done = table.pack(...) end, f, ...)
                return r
            end)");
    }
};

TEST_F(RoutinesTest, a_routine_runs_to_its_first_wait_and_goes_on_in_its_turn) {
    run("_G.r = start(function(a, b) _G.begun = b await.sleep(0) return a, nil end, nil, 2)");
    EXPECT_EQ(text("begun"), "2");
    EXPECT_EQ(text("r.done"), "nil");
    EXPECT_EQ(vm->threads_active(), 1u);
    EXPECT_TRUE(until("r.done ~= nil"));
    EXPECT_EQ(text("r.done.n .. tostring(r.done[1]) .. tostring(r.done[3])"), "3truenil");
    EXPECT_EQ(vm->threads_active(), 0u);
    EXPECT_EQ(vm->threads_peak(), 1u);
}

TEST_F(RoutinesTest, a_wait_that_ends_at_once_does_not_yield) {
    run("_G.r = start(function() return await.resolve('x') end)");
    EXPECT_EQ(text("r.done[2]"), "address of x");
    run("_G.r = start(function() return select('#', await.resolve('nowhere')) end)");
    EXPECT_EQ(text("r.done[2]"), "0");
}

TEST_F(RoutinesTest, an_exception_of_a_task_is_an_error_of_the_routine) {
    run("_G.r = start(function() await.sleep(0) return await.resolve('throws') end)");
    EXPECT_TRUE(until("r.done ~= nil"));
    EXPECT_THAT(text("r.done[2]"), HasSubstr("the resolver is broken"));
}

TEST_F(RoutinesTest, async_says_what_is_wrong_with_its_arguments) {
    EXPECT_THAT(error("neosocksd.async(nil, print)"),
                HasSubstr("bad argument #1 to 'async' (function expected, got nil)"));
    EXPECT_THAT(error("neosocksd.async(print)"),
                HasSubstr("bad argument #2 to 'async' (value expected)"));
    run("_G.r = start(nil)");
    EXPECT_EQ(text("r.done[2]"), "attempt to call a nil value");
    EXPECT_EQ(text("coroutine.status(r.co)"), "dead");
}

TEST_F(RoutinesTest, an_error_in_finish_is_kept) {
    run("neosocksd.async(function() error('finish', 0) end, function() end)");
    EXPECT_EQ(lasterror(), "finish");
    run("neosocksd.async(function() await.sleep(0) end, function() end)");
    EXPECT_EQ(lasterror(), "not in asynchronous routine");
    run("neosocksd.async(function() coroutine.yield() end, function() await.sleep(0) end)");
    EXPECT_TRUE(io::run_until(
        loop, [&] { return lasterror() == "attempt to yield across a C-call boundary"; }));
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_F(RoutinesTest, an_error_whose_tostring_fails_does_no_harm) {
    start_with([](VmOptions& options) { options.traceback = true; });
    run("neosocksd.async(function() error(setmetatable({}, {__tostring = function() "
        "return {} end})) end, print, 1)");
    EXPECT_THAT(lasterror(), HasSubstr("__tostring"));
    run("getmetatable('').__tostring = error neosocksd.async(function() error('x', 0) end, print)");
    run("getmetatable('').__tostring = nil");
    EXPECT_THAT(lasterror(), testing::StartsWith("x\nstack traceback"));
}

TEST_F(RoutinesTest, closing_cancels_and_leaves_nothing) {
    run("_G.r = start(function() await.invoke('for ever', 'h:1') end)");
    EXPECT_EQ(text("coroutine.close(r.co)"), "true");
    EXPECT_EQ(text("coroutine.status(r.co)"), "dead");
    EXPECT_TRUE(io::run_until(loop, [&] { return host.cancelled == 1; }));
    EXPECT_EQ(text("r.done"), "nil");
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_F(RoutinesTest, resuming_by_hand_ends_the_wait_without_values) {
    run("_G.r = start(function() return select('#', await.invoke('for ever', 'h:1')) end)");
    EXPECT_EQ(text("coroutine.resume(r.co)"), "true");
    EXPECT_EQ(text("r.done[2]"), "0");
    EXPECT_TRUE(io::run_until(loop, [&] { return host.cancelled == 1; }));
}

TEST_F(RoutinesTest, who_runs_cannot_be_resumed_or_closed) {
    run(R"(
        _G.r = start(function()
            local me = coroutine.running()
            local results = {coroutine.resume(me, 1, 2)}
            local inner = coroutine.wrap(function() return coroutine.resume(me) end)
            results[3], results[4] = inner()
            results[5] = pcall(coroutine.close, me)
            await.sleep(0)
            return table.unpack(results, 1, 5)
        end))");
    EXPECT_TRUE(until("r.done ~= nil"));
    EXPECT_EQ(text("table.concat({tostring(r.done[2]), r.done[3], tostring(r.done[4]), r.done[5], "
                   "tostring(r.done[6])}, '|')"),
              "false|cannot resume non-suspended coroutine|"
              "false|cannot resume non-suspended coroutine|false");
    EXPECT_THAT(error("error(select(2, coroutine.resume((coroutine.running()))), 0)"),
                HasSubstr("cannot resume non-suspended coroutine"));
}

TEST_F(RoutinesTest, endless_nesting_is_an_error) {
    run(R"(
        _G.depth = 0
        local function deeper()
            _G.depth = _G.depth + 1
            neosocksd.async(function() end, deeper)
        end
        deeper())");
    EXPECT_EQ(text("depth > 10 and depth < 200"), "true");
    EXPECT_EQ(vm->threads_active(), 0u);
    run("local function f() return coroutine.wrap(f)() end _G.ok = pcall(f)");
    EXPECT_EQ(text("ok"), "false");
    run("_G.r = start(function() await.sleep(0) return 'well' end)");
    EXPECT_TRUE(until("r.done and r.done[2] == 'well'"));
}

TEST_F(RoutinesTest, a_coroutine_of_a_routine_may_wait_itself) {
    run(R"(
        _G.r = start(function()
            local inner = coroutine.wrap(function() await.sleep(0) _G.inner_done = true end)
            return select('#', inner())
        end))");
    EXPECT_EQ(text("r.done[2]"), "0");
    EXPECT_TRUE(until("inner_done"));
    run("_G.co = coroutine.create(function() await.sleep(0) error('lost') end)"
        " start(function() coroutine.resume(co) end)");
    EXPECT_TRUE(until("coroutine.status(co) == 'dead'"));
}

TEST_F(RoutinesTest, a_coroutine_that_waits_is_not_collected) {
    run("start(function() coroutine.wrap(function() await.sleep(0.001) _G.late = true end)() end)"
        " start(function() await.sleep(0.001) _G.late2 = true end) collectgarbage()");
    EXPECT_TRUE(until("late and late2"));
}

TEST_F(RoutinesTest, one_that_nobody_can_resume_is_counted_out_when_collected) {
    run("start(function() coroutine.yield() end).co = nil");
    EXPECT_EQ(vm->threads_active(), 1u);
    vm->collect();
    vm->collect();
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_F(RoutinesTest, a_finalizer_may_resume_a_routine_that_is_collected_with_it) {
    for (const char* const what : {"resume", "close", "status"}) {
        run("do local t = setmetatable({}, {__gc = function(t) _G.seen = {coroutine." +
            std::string(what) +
            "(t.co)} end}) t.co = start(function() coroutine.yield() end).co end");
        vm->collect();
        vm->collect();
        EXPECT_EQ(text("type(seen)"), "table") << what;
        run("_G.seen = nil");
    }
    vm->collect();
    EXPECT_EQ(vm->threads_active(), 0u);
}

TEST_F(RoutinesTest, ended_routines_are_reused_unless_a_script_holds_them) {
    run("collectgarbage()");
    for (int i = 0; i < 1000; i++) run("start(function() end)");
    vm->collect();
    const std::size_t before = vm->memory().objects;
    for (int i = 0; i < 1000; i++) {
        run("start(function() end)");
        run("start(function() await.sleep(0) end)");
        io::turn(loop, 2);
    }
    vm->collect();
    EXPECT_LT(vm->memory().objects, before + 200);
}

TEST_F(RoutinesTest, a_closed_routine_is_not_used_again) {
    for (int i = 0; i < 50; i++)
        run("local r = start(function() end) coroutine.close(r.co)"
            " local s = start(function() await.sleep(1) end) coroutine.close(s.co)");
    run("_G.r = start(function() await.sleep(0) return 'well' end)");
    EXPECT_TRUE(until("r.done and r.done[2] == 'well'"));
}

TEST_F(RoutinesTest, waits_among_many_take_their_turns) {
    run("_G.n = 0 for i = 1, 5000 do start(function() for j = 1, 3 do await.idle() end _G.n = n + "
        "1 "
        "end) end");
    EXPECT_TRUE(until("n == 5000"));
    EXPECT_EQ(vm->threads_active(), 0u);
    EXPECT_EQ(vm->threads_peak(), 5000u);
}

TEST_F(RoutinesTest, wrap_gives_what_the_manual_says) {
    EXPECT_EQ(text("coroutine.wrap(function(...) return select('#', ...) end)(1, nil)"), "2");
    EXPECT_THAT(error("coroutine.wrap(function() error('x') end)()"), HasSubstr(":1: x"));
    EXPECT_THAT(error("coroutine.wrap(5)"), HasSubstr("bad argument #1 to 'wrap'"));
    EXPECT_THAT(error("coroutine.resume(5)"), HasSubstr("bad argument #1 to 'resume'"));
    run(R"(
        local f = coroutine.wrap(function()
            local g <close> = setmetatable({}, {__close = function(_, e) _G.given = e end})
            error({'object'})
        end)
        local ok, e = pcall(f)
        _G.same = given == e and e[1] == 'object'
        _G.dead = select(2, pcall(f)))");
    EXPECT_EQ(text("same"), "true");
    EXPECT_THAT(text("dead"), HasSubstr("cannot resume dead coroutine"));
}

TEST_F(RoutinesTest, the_answer_of_a_remote_call_is_its_results) {
    const auto call = [&](std::string code) {
        std::string body;
        io::TaskGroup group;
        const auto ask = [](Vm& on, std::string text_of, std::string& out) -> io::Task<void> {
            auto calling = on.rpcall(std::move(text_of));
            auto answer = co_await std::move(calling);
            out = answer ? *answer : "message: " + answer.error();
        };
        group.spawn(ask(*vm, std::move(code), body));
        EXPECT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
        return body;
    };
    EXPECT_EQ(call(""), "return true");
    EXPECT_EQ(call("await.sleep(0) return 1, nil, 'x'"), "return true,1,nil,\"x\"");
    EXPECT_EQ(call("error('bad')"), "return false,\"(rpc):1: bad\"");
    EXPECT_EQ(call("error({1})"), "return false,{1,}");
    EXPECT_THAT(call("return print"),
                testing::MatchesRegex("return false,\"function: .* is not marshallable\""));
    EXPECT_THAT(call("error(print)"), HasSubstr("is not marshallable"));
    EXPECT_THAT(call("x ="), testing::StartsWith("message: (rpc):1: "));
    EXPECT_THAT(call("return table.unpack({}, 1, 999900)"), testing::StartsWith("return "));
    EXPECT_EQ(call("coroutine.close(neosocksd.async(function() end, function() end)) return 1"),
              "return true,1");
}

TEST_F(RoutinesTest, a_remote_call_that_nobody_can_end_is_answered_when_collected) {
    std::string body;
    io::TaskGroup group;
    const auto ask = [](Vm& on, std::string& out) -> io::Task<void> {
        auto calling = on.rpcall("coroutine.yield()");
        auto answer = co_await std::move(calling);
        out = answer ? *answer : answer.error();
    };
    group.spawn(ask(*vm, body));
    vm->collect();
    EXPECT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
    EXPECT_EQ(body, "return false,\"rpcall did not return\"");
}

}  // namespace
}  // namespace neosocksd::ruleset
