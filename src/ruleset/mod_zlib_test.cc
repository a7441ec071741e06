// The module `zlib`: its functions and the numbers of its errors. What is decoded and what not is
// tested by base/compress_test.cc.

#include "ruleset/lua_fixture.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

class ZlibModule : public LuaTest {
protected:
    ZlibModule() { use("zlib", open_zlib); }
};

TEST_F(ZlibModule, gives_back_what_it_compressed) {
    run(R"(
        local all = {}
        for i = 0, 255 do all[#all + 1] = string.char(i) end
        all = table.concat(all)
        for _, s in ipairs {"", "x", all, all:rep(1000), ("\0"):rep(1000000)} do
            assert(zlib.uncompress(zlib.compress(s)) == s)
            assert(zlib.gunzip(zlib.gzip(s)) == s)
        end
    )");
}

TEST_F(ZlibModule, behaves_as_documented) {
    static constexpr LuaCase kCases[] = {
        {"#zlib.compress('')", "8"},
        {"zlib.compress('x'):byte(1, 2)", "120, 156"},
        {"zlib.gzip('x'):byte(1, 3)", "31, 139, 8"},
        // Numbers are strings.
        {"zlib.uncompress(zlib.compress(12))", "\"12\""},
        {"zlib.gunzip(zlib.gzip(1.5))", "\"1.5\""},
        {"zlib.uncompress(zlib.compress('abc') .. 'more')", "\"abc\""},
        {"zlib.gunzip(zlib.gzip('abc') .. zlib.gzip('def'))", "\"abcdef\""},
        {"zlib.gunzip('')", "\"\""},
    };
    for (const auto& row : kCases) EXPECT_EQ(evaluate(row.text), row.result) << row.text;
}

TEST_F(ZlibModule, raises_errors_with_a_number) {
    static constexpr LuaCase kCases[] = {
        {"zlib.uncompress('')", "uncompress error: -4"},
        {"zlib.uncompress(zlib.compress('abc'):sub(1, -2))", "uncompress error: -4"},
        {"zlib.uncompress(zlib.compress('abc'):sub(1, -2) .. 'x')", "uncompress error: -2"},
        {"zlib.uncompress('plain text')", "uncompress error: -1"},
        {"zlib.uncompress(zlib.gzip('abc'))", "uncompress error: -1"},
        {"zlib.uncompress(zlib.compress('abc'):sub(3))", "uncompress error: -1"},
        {"zlib.gunzip('plain text')", "gunzip error: -1"},
        {"zlib.gunzip(zlib.compress('abc'))", "gunzip error: -1"},
        {"zlib.gunzip(zlib.gzip('abc'):sub(1, -2))", "gunzip error: -1"},
        {"zlib.gunzip(zlib.gzip('abc'):sub(1, -2) .. 'x')", "gunzip error: -1"},
        {"zlib.gunzip(zlib.gzip('abc') .. 'more')", "gunzip error: -1"},
    };
    // In a function of its own, so that the position is known.
    for (const auto& row : kCases)
        EXPECT_EQ(evaluate("local s = " + std::string(row.text) + " return s"),
                  "error: test:1: " + std::string(row.result))
            << row.text;
}

TEST_F(ZlibModule, has_a_limit_that_its_error_names) {
    run("assert(#zlib.uncompress(zlib.compress(('x'):rep(64 * 1024 * 1024))) == 64 * 1024 * 1024)");
    run("big = ('x'):rep(64 * 1024 * 1024 + 1)");
    EXPECT_EQ(evaluate("local s = zlib.uncompress(zlib.compress(big)) return s"),
              "error: test:1: uncompress error: more than 67108864 bytes");
    EXPECT_EQ(evaluate("local s = zlib.gunzip(zlib.gzip(big)) return s"),
              "error: test:1: gunzip error: more than 67108864 bytes");
}

TEST_F(ZlibModule, wants_strings) {
    static constexpr LuaCase kCases[] = {
        {"zlib.compress({})", "bad argument #1 to 'compress' (string expected, got table)"},
        {"zlib.uncompress(nil)", "bad argument #1 to 'uncompress' (string expected, got nil)"},
        {"zlib.gzip(true)", "bad argument #1 to 'gzip' (string expected, got boolean)"},
        {"zlib.gunzip()", "bad argument #1 to 'gunzip' (string expected, got no value)"},
    };
    for (const auto& row : kCases)
        EXPECT_EQ(evaluate("local s = " + std::string(row.text) + " return s"),
                  "error: test:1: " + std::string(row.result))
            << row.text;
}

}  // namespace
}  // namespace neosocksd::ruleset
