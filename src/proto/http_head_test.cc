#include "proto/http_head.h"

#include <string>

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

using Status = HeadReader::Status;

TEST(HeadReader, finds_the_end_however_it_arrives) {
    const std::string input = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n";
    const std::size_t size = input.find("body");
    HeadReader whole;
    EXPECT_EQ(whole.read(input), Status::complete);
    EXPECT_EQ(whole.size(), size);
    HeadReader pieces;
    for (std::size_t n = 1; n < size; ++n)
        ASSERT_EQ(pieces.read(std::string_view(input).substr(0, n)), Status::need_bytes) << n;
    EXPECT_EQ(pieces.read(std::string_view(input).substr(0, size)), Status::complete);
    EXPECT_EQ(pieces.size(), size);
}

TEST(HeadReader, accepts_tabs_and_high_bytes) {
    EXPECT_EQ(HeadReader().read("GET / HTTP/1.1\r\nA:\t\xff\r\n\r\n"), Status::complete);
}

TEST(HeadReader, needs_a_line_before_the_empty_one) {
    EXPECT_EQ(HeadReader().read("\r\n"), Status::malformed);
    EXPECT_EQ(HeadReader().read(""), Status::need_bytes);
    EXPECT_EQ(HeadReader().read("GET / HTTP/1.1\r\n\r\n"), Status::complete);
}

TEST(HeadReader, stops_at_its_limit) {
    EXPECT_EQ(HeadReader().read(std::string(8190, 'a')), Status::need_bytes);
    EXPECT_EQ(HeadReader().read(std::string(8191, 'a')), Status::too_large);
    EXPECT_EQ(HeadReader().read(std::string(8187, 'a') + "\r\n\r\n"), Status::complete);
    EXPECT_EQ(HeadReader().read(std::string(8188, 'a') + "\r\n\r\n"), Status::too_large);
}

TEST(RequestHead, is_split_at_the_first_two_blanks) {
    const auto head = parse_request_head("GET /a?b HTTP/1.7 and more\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->method, "GET");
    EXPECT_EQ(head->target, "/a?b");
    EXPECT_EQ(head->version, "HTTP/1.7 and more");
}

TEST(RequestHead, has_fields) {
    const auto head = parse_request_head(
        "GET / HTTP/1.1\r\n"
        "Host:a\r\n"
        "X-Empty:\r\n"
        "X-Blank: \t \r\n"
        "x-many: \t one two \t\r\n"
        "X-Many: three:four\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->fields.find("HOST"), "a");
    EXPECT_EQ(head->fields.find("x-empty"), "");
    EXPECT_EQ(head->fields.find("x-blank"), "");
    EXPECT_EQ(head->fields.find("X-MANY"), "one two");
    EXPECT_EQ(head->fields.count("X-Many"), 2u);
    EXPECT_EQ(head->fields.count("X-Man"), 0u);
    EXPECT_FALSE(head->fields.find("X-Man"));
}

TEST(RequestHead, must_be_whole) {
    for (const char* text :
         {"", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n", "GET /\r\n\r\n",
          "GET\r\n\r\n", "\r\n\r\n", " / HTTP/1.1\r\n\r\n"})
        EXPECT_FALSE(parse_request_head(text)) << text;
}

TEST(ResponseHead, has_a_status_and_perhaps_a_reason) {
    auto head = parse_response_head("HTTP/1.1 404 Not  Found\r\nA: b\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->version, "HTTP/1.1");
    EXPECT_EQ(head->status, 404);
    EXPECT_EQ(head->reason, "Not  Found");
    EXPECT_EQ(head->fields.find("a"), "b");
    head = parse_response_head("HTTP/1.0 200\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->reason, "");
}

TEST(ResponseHead, refuses_bad_fields_that_a_status_line_alone_ignores) {
    constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nno colon\r\n\r\n";
    EXPECT_FALSE(parse_response_head(kHead));
    EXPECT_TRUE(parse_status_line(kHead));
}

TEST(Token, has_the_characters_of_rfc_9110) {
    int count = 0;
    for (int c = 0; c < 256; ++c) count += is_token_char(static_cast<unsigned char>(c));
    EXPECT_EQ(count, 77);
    for (const char c : std::string("\0 ()<>@,;:\\\"/[]?={}\t\x7f\x80", 22))
        EXPECT_FALSE(is_token_char(static_cast<unsigned char>(c)));
}

}  // namespace
}  // namespace neosocksd::proto
