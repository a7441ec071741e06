// Who an ident means. Becoming somebody is for tests/e2e/test_user.py: it is for good.

#include "app/user.h"

#include <gtest/gtest.h>

namespace neosocksd::app {
namespace {

std::string refusal(std::string_view ident) {
    const auto identity = resolve_identity(ident);
    return identity ? "no refusal" : identity.error();
}

TEST(ResolveIdentity, takes_numbers_as_they_are) {
    EXPECT_EQ(resolve_identity("12345"), (Identity{12345, {}}));
    EXPECT_EQ(resolve_identity("12345:54321"), (Identity{12345, 54321}));
    EXPECT_EQ(resolve_identity(":54321"), (Identity{{}, 54321}));
    EXPECT_EQ(resolve_identity("0:0"), (Identity{0, 0}));
}

TEST(ResolveIdentity, looks_names_up) {
    EXPECT_EQ(resolve_identity("root"), (Identity{0, {}}));
    EXPECT_EQ(resolve_identity("root:"), (Identity{0, 0}));
    EXPECT_EQ(resolve_identity("0:"), (Identity{0, 0}));
    EXPECT_EQ(resolve_identity("12345:root"), (Identity{12345, 0}));
    EXPECT_EQ(resolve_identity(":root"), (Identity{{}, 0}));
}

TEST(ResolveIdentity, says_which_name_is_unknown) {
    EXPECT_EQ(refusal("no-such-name"), "passwd: name `no-such-name' does not exist");
    EXPECT_EQ(refusal("no-such-name:root"), "passwd: name `no-such-name' does not exist");
    EXPECT_EQ(refusal("root:no-such-name"), "group: name `no-such-name' does not exist");
    EXPECT_EQ(refusal("4000000000:"), "passwd: user `4000000000' does not exist");
    EXPECT_EQ(refusal("-1"), "passwd: name `-1' does not exist");
    EXPECT_EQ(refusal("a:b:c"), "passwd: name `a' does not exist");
    EXPECT_EQ(refusal("root:b:c"), "group: name `b:c' does not exist");
}

// As (uid_t)-1 setresuid(2) would change nothing and succeed.
TEST(ResolveIdentity, does_not_take_the_number_that_means_nobody) {
    EXPECT_EQ(refusal("4294967295"), "passwd: name `4294967295' does not exist");
    EXPECT_EQ(refusal(":4294967295"), "group: name `4294967295' does not exist");
    EXPECT_EQ(refusal("4294967296"), "passwd: name `4294967296' does not exist");
}

TEST(ResolveIdentity, refuses_what_would_change_nobody) {
    EXPECT_EQ(refusal(""), "");
    EXPECT_EQ(refusal(":"), "");
    EXPECT_EQ(refusal(std::string(1024, '1')), "");
}

}  // namespace
}  // namespace neosocksd::app
