#include "api/session_stream.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;

TEST(SessionStream, frames_events_as_browsers_read_them) {
    EXPECT_EQ(sse_event("open", "{}"), "event: open\ndata: {}\n\n");
}

TEST(StreamBuffer, gives_what_it_was_given) {
    StreamBuffer buffer;
    EXPECT_TRUE(buffer.empty());
    buffer.add("a");
    buffer.add("b");
    EXPECT_FALSE(buffer.empty());
    EXPECT_EQ(buffer.take(), "ab");
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.take(), "");
}

TEST(StreamBuffer, drops_what_is_too_much_and_says_how_much) {
    StreamBuffer buffer;
    const std::string event(limits::kSessionStreamBytes / 2, 'x');
    for (int i = 0; i < 5; i++) buffer.add(event);
    buffer.add("small, but behind a gap");
    EXPECT_EQ(buffer.take(), event + event + sse_event("lost", R"({"events":4})"));
    buffer.add("again");
    EXPECT_EQ(buffer.take(), "again");
}

TEST(StreamBuffer, hears_of_what_others_have_lost) {
    StreamBuffer buffer;
    buffer.lose(7);
    EXPECT_FALSE(buffer.empty());
    EXPECT_EQ(buffer.take(), sse_event("lost", R"({"events":7})"));
}

TEST(StreamQuery, is_a_filter_and_an_interval) {
    const auto parse = [](std::string_view text) {
        return parse_stream_query(*Query::parse(text));
    };
    EXPECT_EQ(parse("")->interval, limits::kSessionRatesTime);
    EXPECT_EQ(parse("rates=0")->interval, 0s);
    EXPECT_EQ(parse("rates=0.01")->interval, limits::kSessionRatesTimeMin);
    EXPECT_EQ(parse("rates=30&user=a")->interval, 30s);
    EXPECT_EQ(parse("rates=30&user=a")->filter.user, "a");
    for (const char* text : {"rates=", "rates=-1", "rates=3601", "limit=1", "after=1"})
        EXPECT_FALSE(parse(text)) << text;
}

}  // namespace
}  // namespace neosocksd::api
