// Errors say what failed and why.

#include "base/result.h"

#include <memory>

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

TEST(ResultTest, an_error_names_the_operation_and_the_reason) {
    const Error error{ECONNREFUSED, "connect"};
    EXPECT_EQ(error.to_string(), "connect: Connection refused");
}

TEST(ResultTest, errors_are_equal_by_their_code) {
    EXPECT_EQ((Error{ETIMEDOUT, "recv"}), (Error{ETIMEDOUT, "connect to hop 2"}));
    EXPECT_FALSE((Error{ETIMEDOUT, "recv"}) == (Error{ECANCELED, "recv"}));
}

TEST(ResultTest, holds_a_value_or_an_error) {
    const Result<int> good = 3;
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 3);
    const Result<int> bad = failure(EPIPE, "send");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, EPIPE);
    EXPECT_STREQ(bad.error().operation, "send");
    const Result<void> nothing{};
    EXPECT_TRUE(nothing);
    Result<std::unique_ptr<int>> owner = std::make_unique<int>(7);
    EXPECT_EQ(*std::move(*owner), 7);
}

TEST(ResultTest, system_failure_takes_errno) {
    errno = EMFILE;
    const Result<void> result = system_failure("accept");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), (Error{EMFILE, "accept"}));
}

}  // namespace
}  // namespace neosocksd
