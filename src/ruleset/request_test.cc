#include "ruleset/request.h"

#include <gtest/gtest.h>

namespace neosocksd::ruleset {
namespace {

TEST(RequestClient, is_an_address_with_or_without_a_port) {
    Request request;
    request.user_id = 5;
    EXPECT_TRUE(set_client(request, "192.0.2.7:5000"));
    EXPECT_EQ(request.client, "192.0.2.7:5000");
    EXPECT_FALSE(request.user_id);
    EXPECT_TRUE(set_client(request, "192.0.2.7"));
    EXPECT_EQ(request.client, "192.0.2.7:0");
    EXPECT_TRUE(set_client(request, "[2001:db8::1]:80"));
    EXPECT_EQ(request.client, "[2001:db8::1]:80");
    EXPECT_TRUE(set_client(request, "2001:db8::1"));
    EXPECT_EQ(request.client, "[2001:db8::1]:0");
}

TEST(RequestClient, is_a_user_of_a_unix_socket) {
    Request request;
    request.client = "192.0.2.7:5000";
    EXPECT_TRUE(set_client(request, "unix:uid=1000"));
    EXPECT_EQ(request.client, "");
    EXPECT_EQ(request.user_id, 1000);
}

TEST(RequestClient, is_nothing_else) {
    Request request;
    request.client = "192.0.2.7:5000";
    for (const char* text : {"", "garbage", "example.org:80", "192.0.2.7:70000", "192.0.2.300",
                             "unix:uid=", "unix:uid=-1", "unix:uid=root", ":80"})
        EXPECT_FALSE(set_client(request, text)) << text;
    EXPECT_EQ(request.client, "192.0.2.7:5000");
}

}  // namespace
}  // namespace neosocksd::ruleset
