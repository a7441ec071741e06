// The module `time`: clocks that go forward, and a stopwatch that passes everything through.

#include "ruleset/lua_fixture.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

class TimeModule : public LuaTest {
protected:
    TimeModule() { use("time", open_time); }
};

TEST_F(TimeModule, gives_seconds_as_floats) {
    for (const std::string name : {"monotonic", "process", "thread", "wall", "unix"})
        EXPECT_EQ(evaluate("math.type(time." + name + "()), time." + name + "() >= 0"),
                  "\"float\", true")
            << name;
}

TEST_F(TimeModule, ignores_arguments) {
    EXPECT_EQ(evaluate("math.type(time.monotonic('x', {}))"), "\"float\"");
}

TEST_F(TimeModule, goes_forward) {
    run("local a = time.monotonic(); local b = time.monotonic(); assert(b >= a and b - a < 60)");
}

TEST_F(TimeModule, knows_the_time_of_day_by_both_names) {
    run("assert(math.abs(time.unix() - os.time()) < 2)");
    run("assert(math.abs(time.wall() - time.unix()) < 2)");
}

TEST_F(TimeModule, counts_the_processor_time_that_was_used) {
    run(R"(
        local process, thread = time.process(), time.thread()
        local n = 0
        for i = 1, 1000000 do n = n + i end
        assert(time.process() > process and time.thread() > thread)
    )");
}

TEST_F(TimeModule, measures_a_call_and_passes_its_values_on) {
    EXPECT_EQ(evaluate("select(2, time.measure(function(...) return select('#', ...), ... end, "
                       "1, nil, 'x', nil))"),
              "4, 1, nil, \"x\", nil");
    EXPECT_EQ(evaluate("local t = time.measure(function() end) "
                       "return math.type(t), t >= 0 and t < 60"),
              "\"float\", true");
    EXPECT_EQ(evaluate("select('#', time.measure(function() end))"), "1");
    run("assert(time.measure(function() for i = 1, 1000000 do end end) > 0)");
}

TEST_F(TimeModule, measures_whatever_can_be_called) {
    EXPECT_EQ(evaluate("select(2, time.measure(setmetatable({}, {__call = function(_, x) "
                       "return x end}), 7))"),
              "7");
}

TEST_F(TimeModule, makes_room_for_many_results) {
    EXPECT_EQ(evaluate("select('#', time.measure(table.unpack, {}, 1, 10000))"), "10001");
}

TEST_F(TimeModule, passes_errors_on) {
    EXPECT_EQ(evaluate("time.measure(function() error({}) end)").substr(0, 14), "error: table: ");
    EXPECT_EQ(evaluate("time.measure(error, 'oops', 0)"), "error: oops");
    EXPECT_EQ(evaluate("time.measure()"), "error: attempt to call a nil value");
    EXPECT_EQ(evaluate("time.measure(5)"), "error: attempt to call a number value");
}

TEST_F(TimeModule, does_not_let_a_measured_function_yield) {
    EXPECT_EQ(evaluate("coroutine.wrap(function() time.measure(coroutine.yield) end)()"),
              "error: test:1: attempt to yield across a C-call boundary");
}

}  // namespace
}  // namespace neosocksd::ruleset
