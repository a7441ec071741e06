// The buffer and its thread: nothing is lost, doubled or cut in two but what is counted as dropped.

#include "proxy/access_log.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::proxy {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(AccessLogBuffer, gives_back_in_order_what_it_was_given) {
    AccessLogBuffer buffer;
    EXPECT_TRUE(buffer.empty());
    std::string wanted;
    for (int i = 0; i < 5000; i++) {
        const std::string line = "line " + std::to_string(i) + std::string(50, '.') + '\n';
        ASSERT_TRUE(buffer.push(line));
        wanted += line;
    }
    EXPECT_TRUE(buffer.has_whole_block());
    EXPECT_EQ(buffer.bytes(), wanted.size());
    std::string got;
    std::string block;
    while (!buffer.empty()) {
        block = buffer.pop(std::move(block));
        EXPECT_LE(block.size(), limits::kAccessLogBlockBytes);
        EXPECT_EQ(block.back(), '\n');
        got += block;
    }
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(buffer.bytes(), 0u);
}

TEST(AccessLogBuffer, refuses_what_is_beyond_its_bound_and_takes_more_when_it_was_emptied) {
    AccessLogBuffer buffer;
    const std::string line(1024, 'x');
    for (std::size_t i = 0; i < limits::kAccessLogBufferBytes / line.size(); i++)
        ASSERT_TRUE(buffer.push(line));
    EXPECT_FALSE(buffer.push(line));
    EXPECT_FALSE(buffer.push("x"));
    buffer.pop({});
    EXPECT_TRUE(buffer.push(line));
}

TEST(AccessLogBuffer, takes_a_line_longer_than_a_block) {
    AccessLogBuffer buffer;
    const std::string line(limits::kAccessLogBlockBytes + 1, 'x');
    ASSERT_TRUE(buffer.push("a\n"));
    ASSERT_TRUE(buffer.push(line));
    ASSERT_TRUE(buffer.push("b\n"));
    EXPECT_EQ(buffer.pop({}), "a\n");
    EXPECT_EQ(buffer.pop({}), line);
    EXPECT_EQ(buffer.pop({}), "b\n");
}

class AccessLogTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "access-log-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = directory_ / "log";
        log::set_level(0);
    }
    void TearDown() override {
        log::set_level(static_cast<int>(log::Level::verbose));
        fs::remove_all(directory_);
    }

    static std::shared_ptr<AccessLog> started(const fs::path& path) {
        auto opened = AccessLog::open(path, AccessFormat::text);
        EXPECT_TRUE(opened) << opened.error();
        (*opened)->start();
        return *opened;
    }
    static void write(AccessLog& log, std::uint64_t number) {
        AccessRecord record;
        record.client = "client";
        record.facts.up_bytes = number;
        log.write(record);
    }
    static std::string content(const fs::path& path) {
        std::ifstream file(path);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    // The numbers of whole lines; anything else is a failure.
    static std::multiset<std::uint64_t> numbers(const std::string& text) {
        std::multiset<std::uint64_t> found;
        std::istringstream lines(text);
        std::string line;
        while (std::getline(lines, line)) {
            const auto up = line.find(" up=");
            EXPECT_TRUE(line.find("client=client") != std::string::npos &&
                        line.ends_with(" down=0") && up != std::string::npos)
                << line;
            if (up != std::string::npos) found.insert(std::stoull(line.substr(up + 4)));
        }
        return found;
    }
    template <typename Predicate>
    static bool wait_for(Predicate predicate) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!predicate()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::yield();
        }
        return true;
    }

    fs::path directory_;
    fs::path path_;
};

TEST_F(AccessLogTest, stop_writes_what_there_is) {
    const auto log = started(path_);
    for (std::uint64_t i = 0; i < 3; i++) write(*log, i);
    log->stop();
    EXPECT_EQ(numbers(content(path_)), (std::multiset<std::uint64_t>{0, 1, 2}));
}

TEST_F(AccessLogTest, a_line_is_written_soon_without_being_asked_for) {
    const auto log = started(path_);
    write(*log, 7);
    EXPECT_TRUE(wait_for([&] { return !content(path_).empty(); }));
    log->stop();
}

TEST_F(AccessLogTest, lines_of_all_threads_are_there_once_and_whole) {
    constexpr std::uint64_t kEach = 20000;
    const auto log = started(path_);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; t++)
        threads.emplace_back([&log, t] {
            for (std::uint64_t i = 0; i < kEach; i++) write(*log, t * kEach + i);
        });
    for (auto& thread : threads) thread.join();
    log->stop();
    const auto found = numbers(content(path_));
    EXPECT_EQ(found.size() + log->dropped(), 4 * kEach);
    EXPECT_EQ(std::set<std::uint64_t>(found.begin(), found.end()).size(), found.size());
}

TEST_F(AccessLogTest, a_rotation_loses_and_splits_nothing) {
    constexpr std::uint64_t kLines = 30000;
    const auto log = started(path_);
    std::thread writer([&log] {
        for (std::uint64_t i = 0; i < kLines; i++) write(*log, i);
    });
    int rotations = 0;
    for (; rotations < 20; rotations++) {
        ASSERT_TRUE(wait_for([&] { return fs::exists(path_); }));
        fs::rename(path_, directory_ / ("old" + std::to_string(rotations)));
        log->reopen();
    }
    writer.join();
    log->stop();
    std::multiset<std::uint64_t> found = numbers(content(path_));
    for (int i = 0; i < rotations; i++)
        found.merge(numbers(content(directory_ / ("old" + std::to_string(i)))));
    EXPECT_EQ(found.size(), kLines);
    EXPECT_EQ(std::set<std::uint64_t>(found.begin(), found.end()).size(), kLines);
}

TEST_F(AccessLogTest, keeps_the_old_file_if_the_new_one_can_not_be_opened) {
    const fs::path inner = directory_ / "inner";
    fs::create_directory(inner);
    const auto log = started(inner / "log");
    fs::rename(inner, directory_ / "moved");
    log->reopen();
    write(*log, 1);
    log->stop();
    EXPECT_EQ(numbers(content(directory_ / "moved" / "log")).size(), 1u);
    EXPECT_FALSE(fs::exists(inner));
}

// The far end of a FIFO that nobody reads stands for a disk that does not answer.
TEST_F(AccessLogTest, drops_and_counts_when_the_file_is_slow_and_goes_on_when_it_is_not) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const auto log = started(path_);
    std::uint64_t count = 0;
    while (log->dropped() == 0) write(*log, count++);
    for (int i = 0; i < 100; i++) write(*log, count++);
    EXPECT_EQ(log->dropped(), 101u);
    // Now it is read, and takes new lines again.
    std::string got;
    const auto read_some = [&] {
        char buffer[65536];
        const ssize_t size = ::read(reader, buffer, sizeof buffer);
        if (size > 0) got.append(buffer, static_cast<std::size_t>(size));
        return size;
    };
    ASSERT_TRUE(wait_for([&] {
        read_some();
        return numbers(got.substr(0, got.rfind('\n') + 1)).size() == count - 101;
    }));
    write(*log, count);
    std::thread stopping([&log] { log->stop(); });
    ASSERT_TRUE(wait_for([&] {
        read_some();
        return numbers(got.substr(0, got.rfind('\n') + 1)).contains(count);
    }));
    stopping.join();
    EXPECT_EQ(log->dropped(), 101u);
    ::close(reader);
}

TEST_F(AccessLogTest, the_end_does_not_wait_for_ever) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    auto log = started(path_);
    for (std::uint64_t i = 0; i < 2000; i++) write(*log, i);
    const auto begun = std::chrono::steady_clock::now();
    log->stop();
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_GE(took, limits::kAccessLogGrace);
    EXPECT_LT(took, limits::kAccessLogGrace + 10s);
    // Lets the thread go that was left behind.
    log.reset();
    char buffer[65536];
    ASSERT_TRUE(wait_for([&] { return ::read(reader, buffer, sizeof buffer) == 0; }));
    ::close(reader);
}

TEST_F(AccessLogTest, a_full_disk_is_no_reason_to_stop) {
    const auto log = started("/dev/full");
    write(*log, 1);
    log->reopen();
    write(*log, 2);
    log->stop();
    EXPECT_EQ(log->dropped(), 0u);
}

}  // namespace
}  // namespace neosocksd::proxy
