#include "ctl/answer_reader.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::ctl {
namespace {

using Next = AnswerReader::Next;

std::expected<Answer, std::string> read(std::string_view bytes) {
    AnswerReader reader;
    if (reader.feed(bytes) == Next::need_bytes) reader.end_of_stream();
    return reader.take();
}

constexpr std::string_view kAnswer =
    "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
    "Content-Length: 4\r\n\r\nboom";

TEST(CtlAnswer, is_read_cut_at_every_byte) {
    for (std::size_t cut = 0; cut < kAnswer.size(); cut++) {
        AnswerReader reader;
        EXPECT_EQ(reader.feed(kAnswer.substr(0, cut)), Next::need_bytes);
        EXPECT_EQ(reader.feed(kAnswer.substr(cut)), Next::done);
        const auto answer = reader.take();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 500);
        EXPECT_EQ(answer->reason, "Internal Server Error");
        EXPECT_EQ(answer->content_type, "text/plain");
        EXPECT_EQ(answer->body, "boom");
    }
}

TEST(CtlAnswer, that_ends_too_early_is_none) {
    for (std::size_t cut = 0; cut < kAnswer.size(); cut++) {
        const auto answer = read(kAnswer.substr(0, cut));
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error(),
                  cut == 0 ? "the server closed without an answer" : "the answer ends too early");
    }
}

TEST(CtlAnswer, may_be_chunked_compressed_or_end_with_the_stream) {
    EXPECT_EQ(
        read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")->body,
        "ab");
    EXPECT_EQ(read("HTTP/1.0 200 OK\r\n\r\nold server")->body, "old server");
    const std::string packed = api::encode_body(std::string(300, 'x'), api::Coding::deflate);
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: " +
                   std::to_string(packed.size()) + "\r\n\r\n" + packed)
                  ->body,
              std::string(300, 'x'));
    EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\n")->status, 204);
}

TEST(CtlAnswer, interim_ones_are_skipped) {
    EXPECT_EQ(read("HTTP/1.1 100 Continue\r\n\r\n" + std::string(kAnswer))->body, "boom");
}

TEST(CtlAnswer, of_something_else_is_refused) {
    EXPECT_EQ(read("SSH-2.0-OpenSSH\r\n").error(), "the answer ends too early");
    EXPECT_EQ(read("SSH-2.0-OpenSSH\r\n\r\n").error(), "the answer is not HTTP");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n").error(),
              "the answer is in a form that we do not know");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 4\r\n\r\nabcd")
                  .error(),
              "the answer can not be decompressed");
}

TEST(CtlAnswer, that_is_too_large_is_refused_before_it_is_read) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: " +
                   std::to_string(limits::kCtlAnswerBytes + 1) + "\r\n\r\n")
                  .error(),
              "the answer is too large");
}

}  // namespace
}  // namespace neosocksd::ctl
