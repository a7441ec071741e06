// Reading scripts: what Lua's loader is given, lua.md sections 1.1 and 11.

#include "ruleset/script_file.h"

#include <gtest/gtest.h>

#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

std::string read(const TemporaryFile& file) {
    const auto text = read_script(file.path());
    if (text) return *text;
    EXPECT_NE(text.error().find(file.path()), std::string::npos) << text.error();
    return "no: " + text.error();
}

TEST(ScriptFile, is_given_as_it_is) {
    EXPECT_EQ(read(TemporaryFile("")), "");
    EXPECT_EQ(read(TemporaryFile("return 1\r\n")), "return 1\r\n");
    EXPECT_EQ(read(TemporaryFile(std::string_view("\x1bLua\0x", 6))), std::string("\x1bLua\0x", 6));
}

TEST(ScriptFile, loses_a_byte_order_mark_and_a_first_line_that_is_no_lua) {
    EXPECT_EQ(read(TemporaryFile("\xef\xbb\xbfreturn 1")), "return 1");
    EXPECT_EQ(read(TemporaryFile("#!/bin/lua\nreturn 1")), "\nreturn 1");
    EXPECT_EQ(read(TemporaryFile("\xef\xbb\xbf# x\nreturn 1")), "\nreturn 1");
    EXPECT_EQ(read(TemporaryFile("# nothing else")), "");
    EXPECT_EQ(read(TemporaryFile("\n# not the first")), "\n# not the first");
    EXPECT_EQ(read(TemporaryFile("\xef\xbb")), "\xef\xbb");
}

TEST(ScriptFile, may_be_compressed) {
    const TemporaryFile file;
    file.write_gzip("\xef\xbb\xbf#!x\nreturn 1");
    EXPECT_EQ(read(file), "\nreturn 1");
    file.write("\x1f\x8b corrupt");
    EXPECT_EQ(read(file).find("no: cannot read "), 0u);
}

TEST(ScriptFile, in_utf_16_or_32_is_refused) {
    for (const std::string_view mark : {"\xff\xfe", "\xfe\xff"})
        EXPECT_NE(read(TemporaryFile(std::string(mark) + "x")).find("not UTF-8"),
                  std::string::npos);
    EXPECT_NE(read(TemporaryFile(std::string_view("\xff\xfe\0\0", 4))).find("not UTF-8"),
              std::string::npos);
}

TEST(ScriptFile, that_is_not_there_is_named) {
    const auto text = read_script("/nonexistent/x.lua");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error(), "cannot open /nonexistent/x.lua: No such file or directory");
    const auto directory = read_script("/tmp");
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error(), "cannot read /tmp: Is a directory");
}

TEST(ScriptFile, chunk_names) {
    EXPECT_EQ(chunk_name("a/b.lua"), "@a/b.lua");
    EXPECT_EQ(chunk_name("-"), "=stdin");
}

}  // namespace
}  // namespace neosocksd::ruleset
