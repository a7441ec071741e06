// The module `regex`: what each of its functions gives for what is asked, row by row; the syntax
// is libc's and only sampled.

#include <span>

#include "ruleset/lua_fixture.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

class RegexModule : public LuaTest {
protected:
    RegexModule() {
        use("regex", open_regex);
        run(R"(
            re = regex.compile
            function all(pattern, s, init)
                local t = {}
                for m in re(pattern):gmatch(s, init) do t[#t + 1] = "<" .. m .. ">" end
                return table.concat(t)
            end
        )");
    }

    void expect(std::span<const LuaCase> cases) {
        for (const auto& row : cases) EXPECT_EQ(evaluate(row.text), row.result) << row.text;
    }
    // A statement of its own, so that the position is that of the chunk.
    void expect_errors(std::span<const LuaCase> cases) {
        for (const auto& row : cases)
            EXPECT_EQ(evaluate("local r = " + std::string(row.text) + " return r"),
                      "error: test:1: " + std::string(row.result))
                << row.text;
    }
};

TEST_F(RegexModule, finds_positions) {
    static constexpr LuaCase kCases[] = {
        {"re('b'):find('abc')", "2, 2"},
        {"re('a|ab|abc'):find('abcd')", "1, 3"},
        {"re('a{2,3}'):find('aaaa')", "1, 3"},
        {"re('a*'):find('xaay')", "1, 0"},
        {"re('[.]example[.](com|org)$'):find('www.example.org')", "4, 15"},
        {"select('#', re('x'):find('abc'))", "0"},
        {"re(''):find('abc')", "1, 0"},
        {"re(''):find('')", "1, 0"},
        {"re(1):find(213)", "2, 2"},
        {"re(')'):find('a)')", "2, 2"},
    };
    expect(kCases);
}

TEST_F(RegexModule, looks_from_init_on) {
    static constexpr LuaCase kCases[] = {
        {"re('a'):find('abca', 1)", "1, 1"},
        {"re('a'):find('abca', 2)", "4, 4"},
        {"re('a'):find('abca', 0)", "1, 1"},
        {"re('a'):find('abca', nil)", "1, 1"},
        {"re('a'):find('abca', -1)", "4, 4"},
        {"re('a'):find('abca', -3)", "4, 4"},
        {"re('a'):find('abca', -4)", "1, 1"},
        {"re('a'):find('abca', -100)", "1, 1"},
        {"re('a'):find('abca', math.mininteger)", "1, 1"},
        {"re(''):find('xaay', 5)", "5, 4"},
        {"re(''):find('xaay', 100)", "5, 4"},
        {"re(''):find('xaay', math.maxinteger)", "5, 4"},
        {"select('#', re('y'):find('xaay', 5))", "0"},
        {"re('^a'):find('xaay', 2)", "2, 2"},
        {"re('^a'):match('xaay', 3)", "\"a\""},
        {"select('#', re('^a'):find('xaay', 4))", "0"},
        {"re('(.)$'):match('xaay', -2)", "\"y\", \"y\""},
    };
    expect(kCases);
}

TEST_F(RegexModule, matches_with_every_group) {
    static constexpr LuaCase kCases[] = {
        {"re('(.)=(.)'):match('a=b')", "\"a=b\", \"a\", \"b\""},
        {"re('a|ab|abc'):match('abcd')", "\"abc\""},
        {"re('(a)|(b)'):match('b')", "\"b\", nil, \"b\""},
        {"re('(a*)(b)'):match('b')", "\"b\", \"\", \"b\""},
        {"select('#', re('(a)|b'):match('b'))", "2"},
        {"select('#', re('b'):match('b'))", "1"},
        {"select('#', re('b'):match('a'))", "0"},
        {"re('(a)\\\\1'):match('baa')", "\"aa\", \"a\""},
        {"select('#', re(('(a)'):rep(300)):match(('a'):rep(300)))", "301"},
    };
    expect(kCases);
}

TEST_F(RegexModule, iterates_over_all_matches) {
    static constexpr LuaCase kCases[] = {
        {"all('a*', 'baac')", "\"<><aa><><>\""},
        {"all('[a-z]', 'abc')", "\"<a><b><c>\""},
        {"all('c', 'abc')", "\"<c>\""},
        {"all('', 'ab')", "\"<><><>\""},
        {"all('', '')", "\"<>\""},
        {"all('x', 'abc')", "\"\""},
        {"all('a+', 'aabaaa', 2)", "\"<a><aaa>\""},
        {"all('a', 'aaaa', -2)", "\"<a><a>\""},
        {"all('a', 'aaaa', 100)", "\"\""},
        {"all('', 'aaaa', 100)", "\"<>\""},
        // What was passed over still stands before the next match.
        {"all('^a', 'aaa')", "\"<a>\""},
        {"all('^a', 'baa', 2)", "\"<a>\""},
        {"all('^.', 'ab\\ncd')", "\"<a><c>\""},
        {R"(all("\\<.", "ab cd"))", "\"<a><c>\""},
        {"all('.', 'a\\0b')", "\"<a><b>\""},
    };
    expect(kCases);
    run(R"(
        local t = {}
        for m, k, v in re("(\\w+)=(\\w+)?"):gmatch("a=1 b= c=3") do t[#t + 1] = {m, k, v} end
        assert(#t == 3 and t[1][1] == "a=1" and t[1][2] == "a" and t[1][3] == "1")
        assert(t[2][1] == "b=" and t[2][3] == nil and t[3][3] == "3")
        -- The iterator keeps what it needs, and stays at the end.
        local next = re("."):gmatch("ab")
        collectgarbage()
        assert(next() == "a" and next() == "b")
        assert(select("#", next()) == 0 and select("#", next()) == 0)
    )");
}

TEST_F(RegexModule, reads_the_extended_syntax_of_libc) {
    static constexpr LuaCase kCases[] = {
        {"re('A'):find('a')", ""},
        {"re('.'):find('\\n')", ""},
        {"re('[^a]'):find('\\n')", ""},
        {"re('^b$'):find('a\\nb\\nc')", "3, 3"},
        {R"(re("\\bfoo\\b"):find("a foo b"))", "3, 5"},
        {R"(re("\\<foo\\>"):find("foot foo"))", "6, 8"},
        {R"(re("\\w+"):match("-a_1-"))", "\"a_1\""},
        {R"(re("\\d"):find("1"))", ""},
        {R"(re("\\d"):find("d"))", "1, 1"},
        {"re('[[:digit:]]+'):match('ab12')", "\"12\""},
    };
    expect(kCases);
}

TEST_F(RegexModule, takes_flags) {
    static constexpr LuaCase kCases[] = {
        {"regex.EXTENDED, regex.ICASE, regex.NEWLINE, regex.NOSUB", "1, 2, 4, 8"},
        {"re('a+', regex.EXTENDED | regex.ICASE):match('xAa')", "\"Aa\""},
        // Given flags replace the default: without EXTENDED the syntax is basic.
        {"re('a+', regex.ICASE):match('aaA+')", "\"A+\""},
        {"re('\\\\(a\\\\)', 0):match('(a)')", "\"a\", \"a\""},
        {"re('a.b', regex.EXTENDED):match('a\\nb')", "\"a\nb\""},
        {"re('^b', regex.EXTENDED):find('a\\nb')", ""},
        {"re('a.b', nil):match('a\\nb')", ""},
        {"re('(a)', regex.EXTENDED | regex.NOSUB):match('ba')", "\"a\", \"a\""},
        {"re('(a)', regex.EXTENDED | regex.NOSUB):find('ba')", "2, 2"},
    };
    expect(kCases);
    static constexpr LuaCase kErrors[] = {
        {"re('a', 16)", "bad argument #2 to 're' (invalid flags)"},
        {"re('a', 'x')", "bad argument #2 to 're' (number expected, got string)"},
    };
    expect_errors(kErrors);
}

TEST_F(RegexModule, sees_all_bytes_of_a_subject) {
    static constexpr LuaCase kCases[] = {
        {"re('b'):find('a\\0b')", "3, 3"},        {"re('b$'):find('b\\0b')", "3, 3"},
        {"re('[^b]+'):find('bb\\0\\0')", "3, 4"}, {"re('x'):find('\\0', 2)", ""},
        {"re('[\\xff]'):find('a\\xff')", "2, 2"},
    };
    expect(kCases);
}

TEST_F(RegexModule, says_what_is_wrong_with_a_pattern) {
    static constexpr LuaCase kCases[] = {
        {"regex.compile('(')", "`(': Unmatched ( or \\("},
        {"regex.compile('[a')", "`[a': Unmatched [, [^, [:, [., or [="},
        {"regex.compile('*a')", "`*a': Invalid preceding regular expression"},
        {"regex.compile('+')", "`+': Invalid preceding regular expression"},
        {"regex.compile('a{2,1}')", "`a{2,1}': Invalid content of \\{\\}"},
        {"regex.compile('a\\\\')", "`a\\': Trailing backslash"},
        {"regex.compile('a\\0b')",
         "bad argument #1 to 'compile' (string contains an embedded NUL byte)"},
        {"regex.compile()", "bad argument #1 to 'compile' (string expected, got no value)"},
        {"regex.compile({})", "bad argument #1 to 'compile' (string expected, got table)"},
    };
    expect_errors(kCases);
}

TEST_F(RegexModule, bounds_groups_within_groups) {
    run("re(('('):rep(1000) .. 'a' .. (')'):rep(1000)):find('a')");
    run("re(('(a)'):rep(5000))");
    run("ok, message = pcall(regex.compile, ('('):rep(1001) .. (')'):rep(1001))");
    EXPECT_EQ(evaluate("ok, message:match(\": (more.*)\")"),
              "false, \"more than 1000 groups within groups\"");
    run("ok, message = pcall(regex.compile, ('('):rep(1000000)) assert(not ok)");
}

TEST_F(RegexModule, compiles_a_long_list_of_alternatives) {
    run(R"(
        local t = {}
        for i = 1, 2000 do t[i] = "host" .. i end
        assert(re("^(" .. table.concat(t, "|") .. ")$"):match("host1999") == "host1999")
    )");
}

TEST_F(RegexModule, is_a_type_of_its_own) {
    static constexpr LuaCase kCases[] = {
        {"type(re('a'))", "\"userdata\""},
        {"(tostring(re('a')):gsub('0x%x+', '0x'))", "\"regex: 0x\""},
        {"regex.find(re('b'), 'ab')", "2, 2"},
        {"re('b').find == regex.find", "true"},
        {"re('b').EXTENDED", "1"},
    };
    expect(kCases);
    static constexpr LuaCase kErrors[] = {
        {"regex.find('a', 'b')", "bad argument #1 to 'find' (regex expected, got string)"},
        {"regex.match(io.stdout, 'b')", "bad argument #1 to 'match' (regex expected, got FILE*)"},
        {"regex.gmatch()", "bad argument #1 to 'gmatch' (regex expected, got no value)"},
        {"re('a'):find()", "bad argument #1 to 'find' (string expected, got no value)"},
        {"re('a'):match({})", "bad argument #1 to 'match' (string expected, got table)"},
        {"re('a'):find('a', 'x')", "bad argument #2 to 'find' (number expected, got string)"},
    };
    expect_errors(kErrors);
}

TEST_F(RegexModule, survives_a_collection_by_hand) {
    run("r = re('a') local next = r:gmatch('aaa') getmetatable(r).__gc(r) getmetatable(r).__gc(r) "
        "assert(next() == nil)");
    EXPECT_EQ(evaluate("local s = r:find('a') return s"),
              "error: test:1: calling 'find' on bad self (regex was collected)");
    run("for i = 1, 100 do re('a' .. i) end collectgarbage()");
}

}  // namespace
}  // namespace neosocksd::ruleset
