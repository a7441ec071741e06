#include "api/tokens.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

TEST(Tokens, entitle_to_what_their_line_says) {
    const auto tokens = Tokens::parse(
        "# operators\n"
        "admin s3cret\n"
        "\n"
        "  read\tlook \r\n"
        "bare-one");
    ASSERT_TRUE(tokens) << tokens.error();
    EXPECT_EQ(tokens->role_of("Bearer s3cret"), Role::admin);
    EXPECT_EQ(tokens->role_of("bearer  bare-one"), Role::admin);
    EXPECT_EQ(tokens->role_of("Bearer look"), Role::read);
}

TEST(Tokens, know_no_others) {
    const auto tokens = Tokens::parse("read look\n");
    ASSERT_TRUE(tokens);
    for (const char* value : {"", "Bearer", "Bearer ", "look", "Basic look", "Bearer loo",
                              "Bearer looks", "Bearer LOOK", "Bearer read", "Bearer lo ok"})
        EXPECT_EQ(tokens->role_of(value), std::nullopt) << value;
}

TEST(Tokens, give_the_most_that_any_line_gives) {
    for (const char* text : {"read x\nadmin x\n", "admin x\nread x\n"})
        EXPECT_EQ(Tokens::parse(text)->role_of("Bearer x"), Role::admin);
}

TEST(Tokens, refuse_a_file_that_means_something_else) {
    const auto why = [](std::string_view text) { return Tokens::parse(text).error(); };
    EXPECT_EQ(why(""), "no token in it");
    EXPECT_EQ(why("# nothing\n"), "no token in it");
    EXPECT_EQ(why("admin\n"), "line 1: no token");
    EXPECT_EQ(why("x\nread"), "line 2: no token");
    EXPECT_EQ(why("write x\n"), "line 1: neither `read' nor `admin'");
    EXPECT_EQ(why("read x y\n"), "line 1: words after the token");
    EXPECT_EQ(why("read caf\xc3\xa9\n"), "line 1: bytes that no token has");
}

TEST(Tokens, are_read_from_a_file) {
    char path[] = "/tmp/neosocksd-tokens-XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT_GE(fd, 0);
    ::close(fd);
    std::ofstream(path) << "read x\n";
    auto file = load_tokens(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->tokens.role_of("Bearer x"), Role::read);
    EXPECT_FALSE(file->world_readable);
    ::chmod(path, 0644);
    EXPECT_TRUE(load_tokens(path)->world_readable);
    std::ofstream(path) << std::string(limits::kTokenFileBytes + 1, 'x');
    EXPECT_EQ(load_tokens(path).error(), "larger than 65536 bytes");
    ::unlink(path);
    EXPECT_EQ(load_tokens(path).error(), "No such file or directory");
    EXPECT_EQ(load_tokens("/").error(), "Is a directory");
}

}  // namespace
}  // namespace neosocksd::api
