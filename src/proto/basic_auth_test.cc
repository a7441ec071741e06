#include "proto/basic_auth.h"

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

// RFC 4648 section 10.
TEST(Base64, agrees_with_the_vectors_of_the_rfc) {
    constexpr std::pair<const char*, const char*> kRows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [bytes, text] : kRows) {
        EXPECT_EQ(encode_base64(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
}

TEST(Base64, carries_all_bytes) {
    std::string bytes;
    for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
    EXPECT_EQ(encode_base64("\xfb\xff"), "+/8=");
}

TEST(Base64, refuses_other_text) {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zg==Zg==", "Zm9 ", "Zm-_", "=Zg=", "Zm9v\n"})
        EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(BasicCredentials, are_limited) {
    const std::string longest(510, 'x');
    EXPECT_TRUE(decode_basic(encode_basic("", longest)));
    EXPECT_FALSE(decode_basic(encode_basic("", longest + "x")));
}

TEST(BasicCredentials, end_the_user_name_at_the_first_colon) {
    const auto credentials = decode_basic(encode_basic("joe", "a:b"));
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->username, "joe");
    EXPECT_EQ(credentials->password, "a:b");
}

}  // namespace
}  // namespace neosocksd::proto
