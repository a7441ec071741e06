#include "app/pid_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neosocksd::app {
namespace {

namespace fs = std::filesystem;

class PidFileTest : public testing::Test {
protected:
    PidFileTest() {
        char name[] = "/tmp/pid_file_test.XXXXXX";
        directory_ = ::mkdtemp(name);
        path_ = directory_ / "pid";
    }
    ~PidFileTest() override { fs::remove_all(directory_); }

    std::string content() const {
        std::ostringstream text;
        text << std::ifstream(path_).rdbuf();
        return text.str();
    }
    std::string refusal() const {
        const auto file = PidFile::open(path_);
        return file ? "no refusal" : file.error();
    }
    std::string refused(const std::string& why) const {
        return "pid file `" + path_.string() + "': " + why;
    }

    fs::path directory_;
    fs::path path_;
};

TEST_F(PidFileTest, holds_the_id_while_the_process_runs) {
    {
        auto file = PidFile::open(path_);
        ASSERT_TRUE(file) << file.error();
        EXPECT_EQ(content(), "");
        EXPECT_EQ(file->write(), 0);
        EXPECT_EQ(content(), std::to_string(::getpid()) + "\n");
        EXPECT_EQ(fs::status(path_).permissions() & fs::perms(022), fs::perms::none);
    }
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(PidFileTest, takes_a_stale_file_over) {
    std::ofstream(path_) << "99999999999999\n";
    {
        auto file = PidFile::open(path_);
        ASSERT_TRUE(file) << file.error();
        EXPECT_EQ(file->write(), 0);
        EXPECT_EQ(content(), std::to_string(::getpid()) + "\n");
    }
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(PidFileTest, refuses_that_of_a_running_instance) {
    auto file = PidFile::open(path_);
    ASSERT_TRUE(file);
    EXPECT_EQ(refusal(), refused("an instance is running"));
    EXPECT_EQ(file->write(), 0);
    EXPECT_EQ(refusal(), refused("an instance is running with pid " + std::to_string(::getpid())));
    EXPECT_TRUE(fs::exists(path_));
}

TEST_F(PidFileTest, refuses_what_would_overwrite_another_file) {
    std::ofstream(directory_ / "other") << "precious";
    fs::create_symlink("other", path_);
    EXPECT_EQ(refusal(), refused("is a symbolic link"));
    fs::remove(path_);
    fs::create_symlink("nothing", path_);
    EXPECT_EQ(refusal(), refused("is a symbolic link"));
    fs::remove(path_);
    fs::create_hard_link(directory_ / "other", path_);
    EXPECT_EQ(refusal(), refused("has another name"));
    fs::remove(path_);
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(refusal(), refused("is not a regular file"));
    fs::remove(path_);
    std::ostringstream text;
    text << std::ifstream(directory_ / "other").rdbuf();
    EXPECT_EQ(text.str(), "precious");
    path_ = directory_ / "no" / "pid";
    EXPECT_EQ(refusal(), refused("No such file or directory"));
}

TEST_F(PidFileTest, leaves_a_file_that_has_taken_its_place) {
    {
        auto file = PidFile::open(path_);
        ASSERT_TRUE(file);
        fs::remove(path_);
        std::ofstream(path_) << "new";
    }
    EXPECT_EQ(content(), "new");
}

}  // namespace
}  // namespace neosocksd::app
