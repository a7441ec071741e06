#include "ctl/token.h"

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

TEST(CtlToken, the_first_that_may_do_everything_is_taken) {
    EXPECT_EQ(choose_token("s3cret\n"), "s3cret");
    EXPECT_EQ(choose_token("s3cret"), "s3cret");
    EXPECT_EQ(choose_token("# tokens\n\nread looker\nadmin \t boss\r\nother\n"), "boss");
    EXPECT_EQ(choose_token("read looker\nbare\n"), "bare");
}

TEST(CtlToken, one_that_may_only_look_is_better_than_none) {
    EXPECT_EQ(choose_token("read first\nread second\n"), "first");
}

TEST(CtlToken, a_file_that_the_server_would_refuse_is_refused) {
    EXPECT_EQ(choose_token("").error(), "no token in it");
    EXPECT_EQ(choose_token("write x").error(), "line 1: neither `read' nor `admin'");
}

TEST(CtlToken, a_file_is_read_up_to_its_bound) {
    EXPECT_EQ(read_text("/dev/null", 10), "");
    EXPECT_EQ(read_text("/dev/zero", 100).error(), "/dev/zero is larger than 100 bytes");
    EXPECT_EQ(read_text("/nonexistent/x", 10).error(),
              "cannot read /nonexistent/x: No such file or directory");
}

}  // namespace
}  // namespace neosocksd::ctl
