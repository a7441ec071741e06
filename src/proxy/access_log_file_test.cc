// Which files the access log takes, and how it appends to them.

#include "proxy/access_log_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neosocksd::proxy {
namespace {

namespace fs = std::filesystem;

class AccessLogFileTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "access-log-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = directory_ / "log";
    }
    void TearDown() override { fs::remove_all(directory_); }

    // As /tmp is.
    void open_to_everybody() { ASSERT_EQ(::chmod(directory_.c_str(), 01777), 0); }

    static std::string refusal(const fs::path& path) {
        const auto file = AccessLogFile::open(path);
        return file ? std::string() : file.error();
    }
    static std::string content(const fs::path& path) {
        std::ifstream file(path);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    static void append(AccessLogFile& file, std::string_view text) {
        EXPECT_EQ(file.append(text), 0);
        EXPECT_EQ(text, "");
    }

    fs::path directory_;
    fs::path path_;
};

TEST_F(AccessLogFileTest, makes_a_file_that_others_can_not_read) {
    const mode_t before = ::umask(0);
    const auto file = AccessLogFile::open(path_);
    ::umask(before);
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->created());
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0640));
}

TEST_F(AccessLogFileTest, appends_to_what_is_there) {
    std::ofstream(path_) << "old\n";
    ::chmod(path_.c_str(), 0600);
    auto file = AccessLogFile::open(path_);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->created());
    append(*file, "new\n");
    std::ofstream(path_, std::ios::app) << "other\n";
    append(*file, "newer\n");
    EXPECT_EQ(content(path_), "old\nnew\nother\nnewer\n");
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0600));
}

TEST_F(AccessLogFileTest, says_why_it_can_not_be_opened) {
    EXPECT_EQ(refusal(directory_ / "none" / "log"), "No such file or directory");
    EXPECT_EQ(refusal(directory_), "Is a directory");
    EXPECT_EQ(refusal(directory_ / "log" / ""), "No such file or directory");
    std::ofstream file(path_);
    EXPECT_EQ(refusal(path_ / "log"), "Not a directory");
}

TEST_F(AccessLogFileTest, follows_a_link_of_the_administrator) {
    fs::create_symlink("elsewhere", path_);
    auto file = AccessLogFile::open(path_);
    ASSERT_TRUE(file);
    append(*file, "x\n");
    EXPECT_EQ(content(directory_ / "elsewhere"), "x\n");
}

TEST_F(AccessLogFileTest, follows_no_link_where_anybody_can_make_one) {
    open_to_everybody();
    fs::create_symlink("elsewhere", path_);
    EXPECT_EQ(refusal(path_), "is a symbolic link in a directory open to everybody");
    EXPECT_FALSE(fs::exists(directory_ / "elsewhere"));
    std::ofstream(directory_ / "elsewhere") << "precious";
    EXPECT_EQ(refusal(path_), "is a symbolic link in a directory open to everybody");
}

TEST_F(AccessLogFileTest, takes_no_planted_file_where_anybody_can_make_one) {
    open_to_everybody();
    EXPECT_EQ(refusal(path_), "");  // makes it
    EXPECT_EQ(refusal(path_), "");
    fs::create_hard_link(path_, directory_ / "second");
    EXPECT_EQ(refusal(path_), "has another name");
    fs::remove(directory_ / "second");
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
        EXPECT_EQ(refusal(path_), "belongs to somebody else");
    }
    fs::remove(path_);
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    EXPECT_EQ(refusal(path_), "is not a regular file, in a directory open to everybody");
    ::close(reader);
}

TEST_F(AccessLogFileTest, is_not_held_up_by_a_fifo_that_nobody_reads) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(refusal(path_), "No such device or address");
}

TEST_F(AccessLogFileTest, keeps_what_a_full_disk_does_not_take) {
    auto file = AccessLogFile::open("/dev/full");
    ASSERT_TRUE(file) << file.error();
    std::string_view lines = "a\nb\n";
    EXPECT_EQ(file->append(lines), -ENOSPC);
    EXPECT_EQ(lines, "a\nb\n");
}

TEST_F(AccessLogFileTest, writes_to_a_pipe_in_pieces_that_nobody_can_cut) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const int reader = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    // Packets: each read returns what one write has brought.
    auto file = AccessLogFile::open(path_);
    ASSERT_TRUE(file) << file.error();
    ::fcntl(file->fd(), F_SETFL, O_DIRECT);
    const std::string line(1499, 'x');
    std::string lines;
    for (int i = 0; i < 5; i++) lines += line + '\n';
    append(*file, lines);
    std::string buffer(64 * 1024, '\0');
    for (const ssize_t wanted : {3000, 3000, 1500}) {
        const ssize_t got = ::read(reader, buffer.data(), buffer.size());
        EXPECT_EQ(got, wanted);
        EXPECT_LE(got, PIPE_BUF);
        EXPECT_EQ(buffer[static_cast<std::size_t>(got) - 1], '\n');
    }
    ::close(reader);
}

TEST_F(AccessLogFileTest, dash_is_standard_output) {
    const auto file = AccessLogFile::open("-");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->fd(), STDOUT_FILENO);
}

}  // namespace
}  // namespace neosocksd::proxy
