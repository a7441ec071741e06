// The matchers as Lua sees them: what they take, what they answer, how they fail, and that the
// collector gets them.

#include <string>

#include <gtest/gtest.h>

#include "ruleset/mmdb_fixture.h"
#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

TEST(Sets, matchers_are_plain_functions) {
    SetState lua;
    EXPECT_EQ(lua.run("return type(set.domain('a')) .. type(set.subnet('10.0.0.0/8'))"),
              "functionfunction");
}

TEST(Sets, domain_takes_a_name_or_a_list_and_hosts) {
    SetState lua;
    lua.run(
        "m = set.domain({'example.org', '.example.net'}, {'host.test'})"
        "one = set.domain('Example.COM')");
    EXPECT_EQ(lua.run("return m('example.org:80')"), "true");
    EXPECT_EQ(lua.run("return m('a.EXAMPLE.net:443')"), "true");
    EXPECT_EQ(lua.run("return m('a.example.org.:443')"), "true");
    EXPECT_EQ(lua.run("return m('host.test:1')"), "true");
    EXPECT_EQ(lua.run("return m('a.host.test:1')"), "false");
    EXPECT_EQ(lua.run("return m('notexample.org:80')"), "false");
    EXPECT_EQ(lua.run("return one('x.example.com:80')"), "true");
    EXPECT_EQ(lua.run("return set.domain({'com', 'a.com', ''})('b.com:1')"), "true");
    EXPECT_EQ(lua.run("return set.domain({})('b.com:1')"), "false");
    EXPECT_EQ(lua.run("return set.domain({1, 2})('a.2:1')"), "true");
}

TEST(Sets, the_host_is_what_stands_before_the_last_colon) {
    SetState lua;
    lua.run("m = set.host({'::1', 'name', ''})");
    EXPECT_EQ(lua.run("return m('[::1]:80')"), "true");
    EXPECT_EQ(lua.run("return m('::1:80')"), "true");
    EXPECT_EQ(lua.run("return m('NAME:')"), "true");
    EXPECT_EQ(lua.run("return m(':80')"), "false");
    EXPECT_EQ(lua.run("return m('name')"), "rules.lua:1: invalid address: `name'");
    EXPECT_EQ(lua.run("return m()"),
              "rules.lua:1: bad argument #1 to 'm' (string expected, got no value)");
}

TEST(Sets, domaintree_follows_labels_from_the_top) {
    SetState lua;
    lua.run(
        "m = set.domaintree({com = {example = true, net = {a = true, B = {c = true}}},"
        "test = true, ['x.y'] = true, [''] = true, no = false, [1] = true, s = 'text'})");
    for (const char* hit :
         {"example.com", "www.example.com", "a.net.com", "c.b.net.com", "test", "x.TEST"})
        EXPECT_EQ(lua.run("return m('" + std::string(hit) + ":1')"), "true") << hit;
    for (const char* miss : {"com", "net.com", "b.net.com", "org", "x.y", "", ".", "no", "1", "s"})
        EXPECT_EQ(lua.run("return m('" + std::string(miss) + ":1')"), "false") << miss;
    EXPECT_EQ(lua.run("return set.domaintree('a')"), "rules.lua:1: domain tree should be a table");
    EXPECT_EQ(lua.run("return set.domaintree()"), "rules.lua:1: domain tree should be a table");
    EXPECT_EQ(lua.run("local t = {} t.a = t return set.domaintree(t)"),
              "rules.lua:1: domain tree is too deep");
}

TEST(Sets, subnets_take_numbers) {
    SetState lua;
    lua.run(
        "m = set.subnet({'10.0.0.0/8', '192.0.2.1/32'}) all = set.subnet('0.0.0.0/0')"
        "m6 = set.subnet6({'2001:db8::/32', '::1/128'})");
    EXPECT_EQ(lua.run("return m(0x0a010203)"), "true");
    EXPECT_EQ(lua.run("return m(0xc0000201)"), "true");
    EXPECT_EQ(lua.run("return m(0xc0000202)"), "false");
    EXPECT_EQ(lua.run("return m(0x10a010203)"), "false");
    EXPECT_EQ(lua.run("return all(0xffffffff)"), "true");
    EXPECT_EQ(lua.run("return all(-1)"), "false");
    EXPECT_EQ(lua.run("return m6(0x20010db800000000, 1)"), "true");
    EXPECT_EQ(lua.run("return m6(0, 1)"), "true");
    EXPECT_EQ(lua.run("return m6(0, 2)"), "false");
    EXPECT_EQ(lua.run("return set.subnet6('ff00::/8')(-1, -1)"), "true");
    EXPECT_EQ(lua.run("return m('x')"),
              "rules.lua:1: bad argument #1 to 'm' (number expected, got string)");
}

TEST(Sets, bad_subnets_are_errors_with_the_position_of_the_caller) {
    SetState lua;
    EXPECT_EQ(lua.run("\nlocal m = set.subnet({'10.0.0.0/8', '10.0.0.1/8'})"),
              "rules.lua:2: invalid subnet \"10.0.0.1/8\"");
    EXPECT_EQ(lua.run("local m = set.subnet('10.0.0.0')"),
              "rules.lua:1: invalid prefix size \"10.0.0.0\"");
    EXPECT_EQ(lua.run("local m = set.subnet('fe80::/10')"),
              "rules.lua:1: invalid subnet \"fe80::/10\"");
    EXPECT_EQ(lua.run("local m = set.subnet6('10.0.0.0/8')"),
              "rules.lua:1: invalid subnet \"10.0.0.0/8\"");
}

TEST(Sets, other_values_are_errors_of_the_argument) {
    SetState lua;
    EXPECT_EQ(lua.run("local m = set.domain(true)"),
              "rules.lua:1: bad argument #1 to 'domain' (string or table expected, got boolean)");
    EXPECT_EQ(lua.run("local m = set.subnet()"),
              "rules.lua:1: bad argument #1 to 'subnet' (string or table expected, got no value)");
    EXPECT_EQ(lua.run("local m = set.host({'a', {}})"),
              "rules.lua:1: bad argument #1 to 'host' (string expected at index 2, got table)");
    EXPECT_EQ(lua.run("local m = set.domain(('a'):rep(256))").substr(0, 33),
              "rules.lua:1: domain name too long");
}

TEST(Sets, files_are_loaded) {
    SetState lua;
    const TemporaryFile names("example.org\nfull:host.test\n"), nets("10.0.0.0/8\n2001:db8::/32\n");
    lua.set_global("names", names.path());
    lua.set_global("nets", nets.path());
    EXPECT_EQ(lua.run("return set.domain_file(names)('a.example.org:80')"), "true");
    EXPECT_EQ(lua.run("return set.domain_file(names)('a.host.test:80')"), "false");
    EXPECT_EQ(lua.run("return set.subnet_file(nets)(0x0a000001)"), "true");
    EXPECT_EQ(lua.run("return set.subnet6_file(nets)(0x20010db800000000, 1)"), "true");
    EXPECT_EQ(lua.run("return set.domain_file('/nowhere/x')"),
              "rules.lua:1: /nowhere/x: No such file or directory");
    EXPECT_EQ(lua.run("return set.subnet_file(names)"),
              "rules.lua:1: " + names.path() + ":1: invalid subnet \"example.org\"");
    EXPECT_EQ(lua.run("return set.domain_file(nets)"),
              "rules.lua:1: " + nets.path() + ":1: invalid domain \"10.0.0.0/8\"");
}

TEST(Sets, info_says_what_is_behind_a_matcher) {
    SetState lua;
    EXPECT_EQ(lua.run("local i = set.info(set.domain({'a', 'b', 'x.a'}, {'c'}))"
                      "return i.kind .. i.entries .. tostring(i.bytes > 10)"),
              "domain3true");
    EXPECT_EQ(lua.run("return set.info(set.subnet6('::/0')).kind"), "subnet6");
    EXPECT_EQ(lua.run("return set.info(print)"),
              "rules.lua:1: bad argument #1 to 'info' (matcher of neosocksd.set expected)");
    EXPECT_EQ(lua.run("local x = 1 return set.info(function() return x end)"),
              "rules.lua:1: bad argument #1 to 'info' (matcher of neosocksd.set expected)");
    EXPECT_EQ(lua.run("local i = set.info(1)"),
              "rules.lua:1: bad argument #1 to 'info' (function expected, got number)");
}

TEST(Sets, matchers_work_in_coroutines_and_protected_calls) {
    SetState lua;
    lua.run("m = set.domain('a')");
    EXPECT_EQ(
        lua.run("return coroutine.wrap(function() coroutine.yield() return m('x.a:1') end)()"),
        "nil");
    EXPECT_EQ(
        lua.run("local co = coroutine.wrap(function() coroutine.yield() return m('x.a:1') end)"
                "co() return co()"),
        "true");
    EXPECT_EQ(lua.run("return select(2, pcall(m, 'nocolon'))"), "invalid address: `nocolon'");
}

// Lua's own memory hardly grows by a set; the collector must run all the same.
TEST(Sets, replaced_sets_are_collected_without_being_asked_to) {
    SetState lua;
    EXPECT_EQ(lua.run(R"(
        local names, alive, most = {}, setmetatable({}, {__mode = "k"}), 0
        for i = 1, 20000 do names[i] = "name" .. i .. ".test" end
        for i = 1, 100 do
            m = set.domain(names)
            alive[m] = true
            local count = 0
            for _ in pairs(alive) do count = count + 1 end
            most = math.max(most, count)
        end
        return most < 40
    )"),
              "true");
}

std::string test_countries() {
    mmdb::Writer writer;
    writer.add("10.0.0.0/8", mmdb::country("CN"));
    writer.add("192.0.2.0/24", mmdb::country("DE"));
    writer.add("2001:db8::/32", mmdb::country("US"));
    return writer.bytes();
}

TEST(Sets, geoip_takes_an_address_in_each_form) {
    SetState lua;
    const TemporaryFile file(test_countries());
    lua.set_global("db", file.path());
    lua.run("m = set.geoip(db, 'CN', 'us')");
    for (const char* hit : {"'10.1.2.3:80'", "'[2001:db8::1]:80'", "'2001:db8::1:80'", "0x0a000001",
                            "0x20010db800000000, 1", "0, 0xffff0a000001", "'[::ffff:10.0.0.1]:1'"})
        EXPECT_EQ(lua.run("return m(" + std::string(hit) + ")"), "true") << hit;
    for (const char* miss : {"'192.0.2.1:80'", "'example.org:80'", "'10.0.0.1.:80'", "0xc0000201",
                             "-1", "0, 1", "':80'"})
        EXPECT_EQ(lua.run("return m(" + std::string(miss) + ")"), "false") << miss;
    EXPECT_EQ(lua.run("return set.geoip(db, {'FR', 'DE'})('192.0.2.1:80')"), "true");
    EXPECT_EQ(lua.run("return m({})"),
              "rules.lua:1: bad argument #1 to 'm' (number expected, got table)");
    EXPECT_EQ(lua.run("return set.info(m).kind .. set.info(m).entries"), "geoip2");
}

TEST(Sets, asn_takes_numbers) {
    SetState lua;
    mmdb::Writer writer(6, "Test-ASN");
    writer.add("10.0.0.0/8", mmdb::asn(64500));
    const TemporaryFile file(writer.bytes());
    lua.set_global("db", file.path());
    EXPECT_EQ(lua.run("return set.asn(db, 64501, 64500)('10.1.2.3:80')"), "true");
    EXPECT_EQ(lua.run("return set.asn(db, {64501, 64500})(0x0a000001)"), "true");
    EXPECT_EQ(lua.run("return set.asn(db, 64501)(0x0a000001)"), "false");
    EXPECT_EQ(lua.run("local m = set.asn(db, 'x')"),
              "rules.lua:1: bad argument #2 to 'asn' (AS number expected)");
    EXPECT_EQ(lua.run("local m = set.asn(db)"),
              "rules.lua:1: bad argument #2 to 'asn' (AS number expected)");
}

TEST(Sets, geoip_refuses_what_cannot_be_meant) {
    SetState lua;
    const TemporaryFile file(test_countries());
    lua.set_global("db", file.path());
    EXPECT_EQ(lua.run("local m = set.geoip(db, 'China')"),
              "rules.lua:1: bad argument #2 to 'geoip' (country code of two letters expected)");
    EXPECT_EQ(lua.run("local m = set.geoip(db)"),
              "rules.lua:1: bad argument #2 to 'geoip' (string or table expected, got no value)");
    EXPECT_EQ(lua.run("local m = set.geoip('/nowhere/x', 'CN')"),
              "rules.lua:1: /nowhere/x: No such file or directory");
}

TEST(Sets, a_database_replaced_on_disk_is_seen_by_new_matchers) {
    SetState lua;
    const TemporaryFile file(test_countries()), other;
    lua.set_global("db", file.path());
    lua.run("old = set.geoip(db, 'JP')");
    mmdb::Writer writer;
    writer.add("10.0.0.0/8", mmdb::country("JP"));
    other.write(writer.bytes());
    ASSERT_EQ(std::rename(other.path().c_str(), file.path().c_str()), 0);
    EXPECT_EQ(lua.run("return old('10.0.0.1:1')"), "false");
    EXPECT_EQ(lua.run("return set.geoip(db, 'JP')('10.0.0.1:1')"), "true");
}

}  // namespace
}  // namespace neosocksd::ruleset
