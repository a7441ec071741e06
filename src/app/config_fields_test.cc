// The options as fields of Lua tables: spec/lua.md sections 8 and 11.

#include "app/config_fields.h"

#include <map>
#include <set>

#include "ruleset/lua_fixture.h"

namespace neosocksd::app {
namespace {

class ConfigFieldsTest : public ruleset::LuaTest {
protected:
    // Reads the table that the expression gives. The message if that fails.
    std::string read(const std::string& expression, Options& options) {
        target_ = &options;
        lua_pushcfunction(lua_, [](lua_State* lua) {
            read_config_fields(lua, *target_);
            EXPECT_EQ(lua_gettop(lua), 1);
            return 0;
        });
        EXPECT_EQ(luaL_loadstring(lua_, expression.c_str()), LUA_OK);
        EXPECT_EQ(lua_pcall(lua_, 0, 1, 0), LUA_OK);
        if (lua_pcall(lua_, 1, 0, 0) == LUA_OK) return {};
        std::string message(ruleset::to_string_view(lua_, -1));
        lua_pop(lua_, 1);
        return message;
    }

    static inline Options* target_ = nullptr;
};

TEST_F(ConfigFieldsTest, every_documented_field_is_there_with_its_type) {
    Options options;
    options.listen = options.forward = options.api = options.http_listen = options.user = "x";
    options.http = true;
    options.proxy = options.nameserver = options.netdev = options.ruleset = "x";
    std::map<std::string, std::size_t> types;
    for (const auto& [name, value] : config_fields(options)) types[name] = value.index();
    const auto all = [&](std::size_t type) {
        std::set<std::string> names;
        for (const auto& [name, index] : types)
            if (index == type) names.insert(name);
        return names;
    };
    EXPECT_EQ(all(0), (std::set<std::string>{"auth_required", "pipe", "reuseport", "tcp_fastopen",
                                             "tcp_fastopen_connect", "tcp_nodelay", "tcp_keepalive",
                                             "transparent", "traceback", "socks5_bind",
                                             "socks5_udp", "daemonize", "block_loopback",
                                             "block_multicast", "block_local", "block_global"}));
    EXPECT_EQ(all(1), (std::set<std::string>{"loglevel", "resolve_pf", "memlimit", "tcp_sndbuf",
                                             "tcp_rcvbuf", "max_sessions", "startup_limit_start",
                                             "startup_limit_rate", "startup_limit_full"}));
    EXPECT_EQ(all(2), (std::set<std::string>{"timeout"}));
    EXPECT_EQ(all(3),
              (std::set<std::string>{"listen", "forward", "proxy", "restapi", "api", "http_listen",
                                     "ruleset", "user_name", "nameserver", "netdev"}));
}

TEST_F(ConfigFieldsTest, texts_that_are_not_set_are_absent) {
    std::set<std::string> names;
    for (const auto& [name, value] : config_fields({})) names.insert(name);
    for (const char* const name : {"listen", "forward", "proxy", "restapi", "api", "http_listen",
                                   "ruleset", "user_name", "nameserver", "netdev"})
        EXPECT_FALSE(names.contains(name)) << name;
}

TEST_F(ConfigFieldsTest, an_empty_table_changes_nothing_and_unknown_fields_are_ignored) {
    Options options;
    EXPECT_EQ(read("return {}", options), "");
    EXPECT_EQ(read("return {nonsense = 1, [1] = 2, ruleset = {}}", options), "");
    EXPECT_EQ(options, Options{});
}

TEST_F(ConfigFieldsTest, fields_set_their_options) {
    Options options;
    EXPECT_EQ(read("return {listen = ':1', http_listen = ':2', restapi = ':3', timeout = 7, "
                   "max_sessions = 8.0, pipe = false, tcp_keepalive = false, tcp_nodelay = false, "
                   "block_local = true, "
                   "startup_limit_rate = 50, user_name = 'u', transparent = true}",
                   options),
              "");
    Options expected;
    expected.listen = ":1";
    expected.http = true;
    expected.http_listen = ":2";
    expected.api = ":3";
    expected.timeout_seconds = 7;
    expected.max_sessions = 8;
    expected.relay = RelayMode::copy;
    expected.keepalive_seconds = 0;
    expected.nodelay = false;
    expected.block_outbound.local = true;
    expected.startups.rate = 50;
    expected.user = "u";
    expected.tproxy = true;
    EXPECT_EQ(options, expected);
}

TEST_F(ConfigFieldsTest, wrong_types_are_errors) {
    for (const auto& [table, message] : {
             std::pair("{timeout = '5'}", "boot: field `timeout' must be a number"),
             std::pair("{loglevel = '5'}", "boot: field `loglevel' must be an integer"),
             std::pair("{loglevel = 1.5}", "boot: field `loglevel' must be an integer"),
             std::pair("{memlimit = 1 << 40}", "boot: field `memlimit' is out of range"),
             std::pair("{max_sessions = -1}", "boot: field `max_sessions' is out of range"),
             std::pair("{pipe = 0}", "boot: field `pipe' must be a boolean"),
             std::pair("{listen = 80}", "boot: field `listen' must be a string"),
             std::pair("{listen = false}", "boot: field `listen' must be a string"),
         }) {
        Options options;
        EXPECT_EQ(read(std::string("return ") + table, options), message);
        EXPECT_EQ(options, Options{}) << table;
    }
}

TEST_F(ConfigFieldsTest, fields_with_metamethods_are_read) {
    Options options;
    EXPECT_EQ(read("return setmetatable({}, {__index = {listen = ':1'}})", options), "");
    EXPECT_EQ(options.listen, ":1");
    EXPECT_EQ(read("return setmetatable({}, {__index = function() error('x', 0) end})", options),
              "x");
}

TEST_F(ConfigFieldsTest, a_dump_read_back_gives_the_same_options) {
    Options options;
    options.listen = std::string("a\"b\\c\n\0d\xff", 9);
    options.http = true;
    options.http_listen = ":8080";
    options.timeout_seconds = 0.1;
    options.max_sessions = 2147483647;
    options.block_outbound.global = true;
    options.relay = RelayMode::copy;
    options.family = AF_INET6;
    options.nodelay = false;
    Options again;
    EXPECT_EQ(read(dump_config(options), again), "");
    EXPECT_EQ(again, options);
    EXPECT_EQ(dump_config(again), dump_config(options));
}

TEST_F(ConfigFieldsTest, one_listener_that_speaks_http_only_stays_one) {
    Options options;
    options.listen = ":8080";
    options.http = true;
    Options again;
    EXPECT_EQ(read(dump_config(options), again), "");
    EXPECT_FALSE(again.listen);
    EXPECT_EQ(again.http_listen, ":8080");
}

}  // namespace
}  // namespace neosocksd::app
