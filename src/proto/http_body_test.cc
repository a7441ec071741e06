#include "proto/http_body.h"

#include <gtest/gtest.h>

namespace neosocksd::proto {
namespace {

using Status = BodyDecoder::Status;
using Kind = Framing::Kind;

struct Decoded {
    Status status = Status::need_bytes;
    std::string payload;
    std::size_t consumed = 0;
    friend bool operator==(const Decoded&, const Decoded&) = default;
};

// In segments of at most `size` bytes.
Decoded decode(std::string_view bytes, Framing framing, std::size_t size = 1 << 20) {
    BodyDecoder decoder(framing);
    Decoded result{decoder.status(), {}, 0};
    while (!bytes.empty() && result.status == Status::need_bytes) {
        const auto step = decoder.decode(bytes.substr(0, size), result.payload);
        result.status = step.status;
        result.consumed += step.consumed;
        bytes.remove_prefix(std::min(size, bytes.size()));
    }
    return result;
}

Decoded chunked(std::string_view bytes, std::size_t size = 1 << 20) {
    return decode(bytes, {Kind::chunked, 0}, size);
}

TEST(HttpBody, ends_after_the_length) {
    EXPECT_EQ(decode("helloGET", {Kind::length, 5}), (Decoded{Status::complete, "hello", 5}));
    EXPECT_EQ(decode("hell", {Kind::length, 5}), (Decoded{Status::need_bytes, "hell", 4}));
    EXPECT_EQ(decode("GET", {Kind::length, 0}), (Decoded{Status::complete, "", 0}));
    EXPECT_EQ(decode("GET", {}), (Decoded{Status::complete, "", 0}));
}

TEST(HttpBody, takes_a_body_out_of_its_chunks_wherever_it_is_cut) {
    const std::string body =
        "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n \r\n0000A\r\n0123456789\r\n"
        "0;last\r\nX-Sum: abc\r\nY:\r\n\r\n";
    for (std::size_t size = 1; size <= body.size(); size++) {
        EXPECT_EQ(chunked(body + "GET", size),
                  (Decoded{Status::complete, "hello 0123456789", body.size()}))
            << size;
    }
}

TEST(HttpBody, needs_every_byte_of_the_last_chunk) {
    const std::string body = "1\r\na\r\n0\r\n\r\n";
    for (std::size_t size = 0; size < body.size(); size++)
        EXPECT_EQ(chunked(body.substr(0, size)).status, Status::need_bytes) << size;
}

TEST(HttpBody, refuses_what_is_no_chunk_wherever_it_is_cut) {
    for (const std::string_view body : {"x\r\n",
                                        "\r\n",
                                        "-1\r\n",
                                        "+5\r\nhello",
                                        " 5\r\nhello",
                                        "5 \r\nhello",
                                        "0x5\r\nhello",
                                        "5\nhello",
                                        "5\rhello",
                                        "5\r\r\nhello",
                                        "5;a\nb\r\n",
                                        "5;a\x01\r\n",
                                        "5;\x7f\r\n",
                                        ";a\r\n",
                                        "5,5\r\n",
                                        "5\r\nhelloX",
                                        "5\r\nhello\n",
                                        "5\r\nhello\rX",
                                        "8000000000000000\r\n",
                                        "ffffffffffffffff\r\n",
                                        "10000000000000000\r\n",
                                        "00000000000000005\r\n",
                                        "0\r\n X: y\r\n",
                                        "0\r\nX y\r\n",
                                        "0\r\nX : y\r\n",
                                        "0\r\n: y\r\n",
                                        "0\r\nX: y\n",
                                        "0\r\nX: y\rz",
                                        "0\r\nX: \x01",
                                        "0\r\n\rX",
                                        "0\r\n\n",
                                        "0\r\nX\r\n\r\n"}) {
        EXPECT_EQ(chunked(body).status, Status::malformed) << body;
        EXPECT_EQ(chunked(body, 1).status, Status::malformed) << body;
    }
    EXPECT_EQ(chunked(std::string_view("5;\0\r\n", 5)).status, Status::malformed);
    EXPECT_EQ(chunked("7fffffffffffffff\r\n").status, Status::need_bytes);
}

TEST(HttpBody, bounds_chunk_lines_and_trailers) {
    const std::string fits(limits::kChunkLineBytes - 2, 'a');
    EXPECT_EQ(chunked("0;" + fits + "\r\n\r\n").status, Status::complete);
    EXPECT_EQ(chunked("0;" + fits + "a\r\n\r\n").status, Status::malformed);
    const std::string value(limits::kTrailerBytes - 6, 'a');
    EXPECT_EQ(chunked("0\r\nX:" + value + "\r\n\r\n").status, Status::complete);
    EXPECT_EQ(chunked("0\r\nX:" + value + "a\r\n\r\n").status, Status::malformed);
    std::string many = "0\r\n";
    for (int i = 0; i < 5000; i++) many += "X:\r\n";
    EXPECT_EQ(chunked(many).status, Status::malformed);
}

TEST(HttpBody, knows_whether_the_end_of_the_stream_ends_the_body) {
    std::string payload;
    BodyDecoder until_close({Kind::until_close, 0});
    EXPECT_EQ(until_close.decode("abc", payload).status, Status::need_bytes);
    EXPECT_EQ(until_close.end_of_stream(), Status::complete);
    BodyDecoder cut_short({Kind::length, 5});
    EXPECT_EQ(cut_short.decode("abc", payload).status, Status::need_bytes);
    EXPECT_EQ(cut_short.end_of_stream(), Status::malformed);
    BodyDecoder done({Kind::length, 3});
    EXPECT_EQ(done.decode("abc", payload).status, Status::complete);
    EXPECT_EQ(done.end_of_stream(), Status::complete);
    BodyDecoder no_last_chunk({Kind::chunked, 0});
    EXPECT_EQ(no_last_chunk.decode("1\r\na\r\n", payload).status, Status::need_bytes);
    EXPECT_EQ(no_last_chunk.end_of_stream(), Status::malformed);
}

TEST(HttpBody, frames_payload_as_one_chunk_and_nothing_as_none) {
    std::string bytes = "head";
    frame_as_chunk(bytes, 4);
    EXPECT_EQ(bytes, "head");
    bytes += std::string(26, 'x');
    frame_as_chunk(bytes, 4);
    EXPECT_EQ(bytes, "head1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(HttpBody, reads_only_plain_digits_as_a_length) {
    EXPECT_EQ(parse_content_length("0"), 0u);
    EXPECT_EQ(parse_content_length("0012"), 12u);
    EXPECT_EQ(parse_content_length("9223372036854775807"), std::uint64_t{INT64_MAX});
    for (const std::string_view bad :
         {"", "+1", "-1", "1 1", "1,1", "0x1", "1a", "9223372036854775808", "18446744073709551617",
          "99999999999999999999999"})
        EXPECT_EQ(parse_content_length(bad), std::nullopt) << bad;
}

std::optional<Framing> framing(std::initializer_list<Field> list, bool http_1_0, bool strict) {
    Fields fields;
    for (const Field& field : list) fields.add(field);
    const char* why = "";
    const auto result = framing_of(fields, http_1_0, strict, why);
    EXPECT_EQ(result.has_value(), std::string_view(why).empty());
    return result;
}

TEST(HttpBody, finds_the_framing_in_the_fields) {
    EXPECT_EQ(framing({}, false, true), Framing{});
    EXPECT_EQ(framing({{"content-LENGTH", "5"}}, true, true), (Framing{Kind::length, 5}));
    EXPECT_EQ(framing({{"Transfer-Encoding", "Chunked"}}, false, true),
              (Framing{Kind::chunked, 0}));
}

TEST(HttpBody, refuses_framing_that_could_be_read_in_two_ways) {
    EXPECT_FALSE(
        framing({{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}, false, false));
    EXPECT_FALSE(
        framing({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}, false, false));
    EXPECT_FALSE(framing({{"Content-Length", "5"}, {"Content-Length", "6"}}, false, false));
    EXPECT_FALSE(framing({{"Content-Length", "5"}, {"Content-Length", "5"}}, false, true));
    EXPECT_TRUE(framing({{"Content-Length", "5"}, {"Content-Length", "5"}}, false, false));
    EXPECT_FALSE(framing({{"Transfer-Encoding", "chunked"}}, true, false));
    for (const std::string_view coding :
         {"", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "chunked;q=1", "gzip"})
        EXPECT_FALSE(framing({{"Transfer-Encoding", coding}}, false, false)) << coding;
    EXPECT_FALSE(framing({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
                         false, false));
}

}  // namespace
}  // namespace neosocksd::proto
