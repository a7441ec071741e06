// A Vm with a loop and a host of the test: what the tests of the engine share.
//
// Each entry must leave the Lua stack as it was; a debug build asserts it, and the fixture asks at
// the end of each test.

#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/await.h"
#include "io/engine_fixture.h"
#include "ruleset/routines.h"
#include "ruleset/rules.h"
#include "ruleset/set_fixture.h"
#include "ruleset/vm.h"

namespace neosocksd::ruleset {

using namespace std::chrono_literals;

class FakeHost : public Host {
public:
    Fields config() const override { return {{"loglevel", std::int64_t(4)}, {"listen", "here"}}; }
    Fields stats() const override { return {{"num_request", std::int64_t(7)}}; }

    // "NAME" has the address "address of NAME"; "nowhere" has none; "slow" takes a turn; "throws"
    // is a bug.
    io::Task<std::optional<std::string>> resolve(std::string name) override {
        if (name == "throws") throw std::runtime_error("the resolver is broken");
        if (name == "nowhere") co_return std::nullopt;
        if (name == "slow") {
            [[maybe_unused]] const auto slept = co_await io::sleep(*loop, 1ms);
        }
        co_return "address of " + name;
    }
    std::optional<std::string> resolve_now(const std::string&) override { return std::nullopt; }
    const std::vector<proto::ProxyUrl>& first_hops() const override { return hops; }
    void invoke(std::string code, Route route) override {
        invoked.push_back(code + " at " + route.target.to_string());
    }
    io::Task<std::expected<std::string, std::string>> call(std::string code, Route) override {
        if (code == "fails") co_return std::unexpected(std::string("no answer"));
        if (code == "for ever") {
            [[maybe_unused]] const auto slept = co_await io::sleep(*loop, 1h);
            cancelled++;
        }
        co_return code;
    }

    io::Loop* loop = nullptr;
    std::vector<proto::ProxyUrl> hops;
    std::vector<std::string> invoked;
    int cancelled = 0;
};

class VmTest : public testing::Test {
protected:
    VmTest() { start({}); }
    ~VmTest() override {
        if (!vm) return;
        EXPECT_EQ(lua_gettop(vm->state()), 0);
        stop();
    }

    template <typename Change>
    void start_with(Change change) {
        VmOptions options;
        change(options);
        start(std::move(options));
    }
    // A new one instead.
    void start(VmOptions options) {
        if (vm) stop();
        host.loop = &loop;
        vm.emplace(host, std::move(options));
        vm->attach(loop);
    }
    void stop() {
        io::TaskGroup group;
        group.spawn(vm->stop());
        EXPECT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
        vm.reset();
    }

    // Runs statements; an error fails the test.
    void run(std::string_view code) {
        const auto done = vm->invoke(code);
        EXPECT_TRUE(done) << done.error();
    }
    // The value of an expression as text, as tostring() gives it; of an error, its message.
    std::string text(std::string_view expression) {
        const auto done = vm->invoke("_G.it = tostring(" + std::string(expression) + ")");
        if (!done) return done.error();
        lua_State* lua = vm->state();
        lua_getglobal(lua, "it");
        std::string result(to_string_view(lua, -1));
        lua_pop(lua, 1);
        return result;
    }
    std::string error(std::string_view code) {
        const auto done = vm->invoke(code);
        return done ? "no error" : done.error();
    }
    // Turns the loop until the expression is true.
    bool until(std::string_view expression) {
        return io::run_until(loop, [&] { return text(expression) == "true"; });
    }
    // The error value that neosocksd.stats() shows.
    std::string lasterror() { return text("neosocksd.stats().lasterror"); }

    io::Loop loop{io::EngineChoice::epoll};
    FakeHost host;
    std::optional<Vm> vm;
};

}  // namespace neosocksd::ruleset
