// Log lines: their format, what is left out by the level, and that a peer cannot forge one.

#include "base/log.h"

#include <chrono>
#include <cstdio>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/limits.h"

namespace neosocksd::log {
namespace {

// Sends a descriptor into a file while it lives.
class Capture {
public:
    explicit Capture(int fd) : fd_(fd), saved_(::dup(fd)), file_(std::tmpfile()) {
        std::fflush(nullptr);
        ::dup2(::fileno(file_), fd_);
    }
    ~Capture() {
        restore();
        std::fclose(file_);
    }
    std::string text() {
        restore();
        std::string all;
        char part[4096];
        std::rewind(file_);
        while (const std::size_t got = std::fread(part, 1, sizeof part, file_))
            all.append(part, got);
        return all;
    }

private:
    void restore() {
        if (saved_ < 0) return;
        ::dup2(saved_, fd_);
        ::close(saved_);
        saved_ = -1;
    }
    int fd_;
    int saved_;
    std::FILE* file_;
};

class LogTest : public ::testing::Test {
protected:
    void SetUp() override { set_output(Output::standard_out); }
    void TearDown() override {
        set_level(level_before_);
        set_output(Output::standard_out);
    }

private:
    int level_before_ = level();
};

TEST_F(LogTest, a_line_has_level_time_place_and_message) {
    set_level(6);
    Capture capture(STDOUT_FILENO);
    LOG_WARNING("client {} gave up", 7);
    const std::regex form(
        R"(W \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d log_test\.cc:\d+ client 7 gave up\n)");
    const std::string text = capture.text();
    EXPECT_TRUE(std::regex_match(text, form)) << text;
}

TEST_F(LogTest, each_level_has_its_letter) {
    set_level(8);
    Capture capture(STDOUT_FILENO);
    for (int i = 0; i <= 8; i++) write(static_cast<Level>(i), "a.cc", i, "x");
    const std::string text = capture.text();
    std::string letters;
    bool at_start = true;
    for (const char c : text) {
        if (at_start) letters.push_back(c);
        at_start = c == '\n';
    }
    EXPECT_EQ(letters, "-FEWIIDVV");
}

TEST_F(LogTest, formats_nothing_that_the_level_leaves_out) {
    set_level(4);
    int evaluated = 0;
    const auto count = [&] { return ++evaluated; };
    Capture capture(STDOUT_FILENO);
    LOG_INFO("{}", count());
    LOG_NOTICE("{}", count());
    EXPECT_NE(capture.text().find(" 1\n"), std::string::npos);
    EXPECT_EQ(evaluated, 1);
}

TEST_F(LogTest, levels_beyond_the_range_are_the_nearest_one) {
    set_level(100);
    EXPECT_EQ(level(), 8);
    EXPECT_TRUE(enabled(Level::very_verbose));
    set_level(-3);
    EXPECT_EQ(level(), 0);
    EXPECT_FALSE(enabled(Level::fatal));
}

TEST_F(LogTest, control_bytes_are_shown_not_written) {
    Capture capture(STDOUT_FILENO);
    write(Level::error, "/some/where/x.cc", 3,
          std::string_view("a\r\nE 2000 forged\x1b[2J\0\x7f\tb", 24));
    const std::string text = capture.text();
    EXPECT_NE(text.find("x.cc:3 a\\x0d\\x0aE 2000 forged\\x1b[2J\\x00\\x7f\tb\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("where"), std::string::npos);
}

// CSI of the C1 set, as a character and as a byte; UTF-8 that is overlong, cut or too large.
TEST_F(LogTest, what_a_terminal_may_obey_is_shown_not_written) {
    Capture capture(STDOUT_FILENO);
    write(Level::warning, "x.cc", 2, "\xe0\x82\x9b[2J \xf0\x80\x82\x9b[2J \xed\xa0\x80");
    write(Level::warning, "x.cc", 3, "a\xc2\x9b[2J b\x9b[2J c\xc0\x8d d\xe2\x82 e\xf5 f\xc3");
    const std::string text = capture.text();
    EXPECT_NE(text.find("x.cc:2 \\xe0\\x82\\x9b[2J \\xf0\\x80\\x82\\x9b[2J \\xed\\xa0\\x80\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("x.cc:3 a\\xc2\\x9b[2J b\\x9b[2J c\\xc0\\x8d d\\xe2\\x82 e\\xf5 f\\xc3\n"),
              std::string::npos)
        << text;
}

TEST_F(LogTest, text_beyond_ascii_passes) {
    Capture capture(STDOUT_FILENO);
    write(Level::info, "x.cc", 1, "caf\u00e9");
    EXPECT_NE(capture.text().find("caf\u00e9\n"), std::string::npos);
}

TEST_F(LogTest, a_long_line_is_cut_and_still_ends) {
    for (const Output output : {Output::standard_error, Output::terminal}) {
        set_output(output);
        Capture capture(STDERR_FILENO);
        write(Level::error, "x.cc", 1, std::string(100'000, '\n'));
        const std::string text = capture.text();
        EXPECT_LE(text.size(), limits::kLogLineBytes);
        EXPECT_GT(text.size(), limits::kLogLineBytes / 2);
        EXPECT_EQ(text.back(), '\n');
    }
}

TEST_F(LogTest, a_terminal_gets_colours_and_a_file_none) {
    set_output(Output::terminal);
    Capture capture(STDERR_FILENO);
    write(Level::error, "x.cc", 1, "red");
    const std::string text = capture.text();
    EXPECT_EQ(text.find("\x1b[1;31mE "), 0U);
    EXPECT_NE(text.find("red\x1b[0m\n"), std::string::npos);
}

TEST_F(LogTest, discard_writes_nothing) {
    set_output(Output::discard);
    Capture capture(STDOUT_FILENO);
    write(Level::fatal, "x.cc", 1, "gone");
    EXPECT_EQ(capture.text(), "");
}

TEST_F(LogTest, knows_its_outputs_by_name) {
    Output output{};
    EXPECT_TRUE(parse_output("terminal", output));
    EXPECT_EQ(output, Output::terminal);
    EXPECT_TRUE(parse_output("syslog", output));
    EXPECT_EQ(output, Output::syslog);
    EXPECT_TRUE(parse_output("stdout", output));
    EXPECT_TRUE(parse_output("stderr", output));
    EXPECT_TRUE(parse_output("discard", output));
    EXPECT_FALSE(parse_output("", output));
    EXPECT_FALSE(parse_output("STDOUT", output));
    EXPECT_EQ(output, Output::discard);
}

TEST_F(LogTest, lines_of_many_threads_do_not_mix) {
    set_level(6);
    Capture capture(STDOUT_FILENO);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([t] {
            for (int i = 0; i < 200; i++)
                LOG_DEBUG("{}", std::string(50, static_cast<char>('a' + t)));
        });
    for (auto& thread : threads) thread.join();
    const std::string text = capture.text();
    const std::regex form(R"(D \S+ log_test\.cc:\d+ (a{50}|b{50}|c{50}|d{50}))");
    std::size_t lines = 0;
    for (std::size_t start = 0; start < text.size(); lines++) {
        const std::size_t end = text.find('\n', start);
        ASSERT_NE(end, std::string::npos);
        ASSERT_TRUE(std::regex_match(text.substr(start, end - start), form));
        start = end + 1;
    }
    EXPECT_EQ(lines, 800U);
}

std::size_t count_of(const std::string& text, std::string_view what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) count++;
    return count;
}

TEST_F(LogTest, a_flood_of_one_place_is_cut_and_says_by_how_much) {
    constexpr int kLines = 4 * limits::kLogBurst;
    const std::uint64_t before = suppressed_lines();
    Capture capture(STDOUT_FILENO);
    for (int i = 0; i < kLines; i++) LOG_WARNING("flood");
    LOG_WARNING("from another place");
    tell_suppressed();
    tell_suppressed();
    const std::string text = capture.text();
    const std::size_t written = count_of(text, " flood\n");
    EXPECT_GE(written, static_cast<std::size_t>(limits::kLogBurst));
    EXPECT_LT(written, static_cast<std::size_t>(kLines));
    EXPECT_EQ(count_of(text, " from another place\n"), 1U);
    EXPECT_EQ(suppressed_lines() - before, kLines - written);
    const std::regex told(R"(W \S+ log_test\.cc:\d+ (\d+) similar lines suppressed\n)");
    std::smatch match;
    ASSERT_TRUE(std::regex_search(text, match, told)) << text.substr(text.size() - 500);
    EXPECT_EQ(match[1], std::to_string(kLines - written));
    EXPECT_EQ(count_of(text, "suppressed"), 1U) << "nothing is told twice";
}

TEST_F(LogTest, who_asks_for_debug_gets_everything) {
    set_level(8);
    Capture capture(STDOUT_FILENO);
    for (int i = 0; i < 2 * limits::kLogBurst; i++) LOG_DEBUG("x");
    EXPECT_EQ(count_of(capture.text(), " x\n"), 2U * limits::kLogBurst);
}

TEST_F(LogTest, a_place_may_write_again_after_a_while) {
    static constinit Throttle throttle;
    const auto admits = [&] { return throttle.admits(Level::error, "x.cc", 1); };
    const auto eventually = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (int i = 0; i < 2 * limits::kLogBurst; i++) admits();
    while (!admits() && std::chrono::steady_clock::now() < eventually) std::this_thread::yield();
    EXPECT_LT(std::chrono::steady_clock::now(), eventually);
}

TEST_F(LogTest, a_teller_is_asked_once_until_it_has_told) {
    static int asked;
    static constinit Throttle throttle;
    asked = 0;
    tell_suppressed();
    set_teller([] {
        asked++;
        return true;
    });
    const auto flood = [&] {
        for (int i = 0; i < 2 * limits::kLogBurst; i++) throttle.admits(Level::error, "x.cc", 1);
    };
    flood();
    EXPECT_EQ(asked, 1);
    Capture capture(STDOUT_FILENO);
    tell_suppressed();
    flood();
    EXPECT_EQ(asked, 2);
    // One that can not is asked again by the next line.
    set_teller([] {
        asked++;
        return false;
    });
    flood();
    EXPECT_GT(asked, 100);
    set_teller(nullptr);
}

TEST_F(LogTest, threads_together_get_no_more_than_one) {
    Capture capture(STDOUT_FILENO);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([] {
            for (int i = 0; i < limits::kLogBurst; i++) LOG_ERROR("shared");
        });
    for (auto& thread : threads) thread.join();
    tell_suppressed();
    const std::string text = capture.text();
    const std::size_t written = count_of(text, " shared\n");
    EXPECT_GE(written, static_cast<std::size_t>(limits::kLogBurst));
    const std::regex told(R"( (\d+) similar lines suppressed\n)");
    std::smatch match;
    if (written < 4U * limits::kLogBurst) {
        ASSERT_TRUE(std::regex_search(text, match, told));
        EXPECT_EQ(match[1], std::to_string(4U * limits::kLogBurst - written));
    }
}

}  // namespace
}  // namespace neosocksd::log
