#include "app/service_notifier.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix_address.h"

namespace neosocksd::app {
namespace {

using namespace std::chrono_literals;

// The manager's end.
class ServiceNotifierTest : public testing::Test {
protected:
    void listen(const std::string& address) {
        fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_storage storage;
        const socklen_t length = UnixAddress::parse("unix:" + address)->to_sockaddr(storage);
        ASSERT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&storage), length), 0);
        ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
    }
    ~ServiceNotifierTest() override {
        if (fd_ >= 0) ::close(fd_);
        for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            ::unsetenv(variable);
    }
    std::string received() {
        char text[512];
        const ssize_t got = ::recv(fd_, text, sizeof text, 0);
        return got < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(got));
    }

    const std::string name_ = "@neosocksd-notify-test-" + std::to_string(::getpid());
    const std::string ready_ = "READY=1\nMAINPID=" + std::to_string(::getpid()) + "\nSTATUS=well";
    int fd_ = -1;
};

TEST_F(ServiceNotifierTest, says_what_happens_on_an_abstract_socket) {
    listen(name_);
    auto notifier = ServiceNotifier::from_environment();
    notifier.ready("well");
    EXPECT_EQ(received(), ready_);
    notifier.reloading();
    const std::string reloading = received();
    EXPECT_THAT(reloading,
                testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\nSTATUS=.*"));
    notifier.stopping();
    EXPECT_TRUE(received().starts_with("STOPPING=1\n"));
    notifier.ping();
    EXPECT_EQ(received(), "WATCHDOG=1");
    EXPECT_EQ(received(), "nothing");
}

TEST_F(ServiceNotifierTest, speaks_to_a_socket_file_too) {
    char directory[] = "/tmp/service_notifier_test.XXXXXX";
    ASSERT_TRUE(::mkdtemp(directory));
    listen(std::string(directory) + "/notify");
    ServiceNotifier::from_environment().ready("well");
    EXPECT_EQ(received(), ready_);
    std::filesystem::remove_all(directory);
}

TEST_F(ServiceNotifierTest, takes_the_variables_away_from_children) {
    listen(name_);
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    const auto notifier = ServiceNotifier::from_environment();
    EXPECT_EQ(notifier.watchdog(), 3s);
    EXPECT_FALSE(std::getenv("NOTIFY_SOCKET"));
    EXPECT_FALSE(std::getenv("WATCHDOG_USEC"));
}

TEST_F(ServiceNotifierTest, has_a_watchdog_only_if_it_is_meant) {
    const auto watchdog = [&](const char* microseconds, const std::string& pid) {
        ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
        ::setenv("WATCHDOG_USEC", microseconds, 1);
        ::setenv("WATCHDOG_PID", pid.c_str(), 1);
        return ServiceNotifier::from_environment().watchdog();
    };
    EXPECT_EQ(watchdog("500", std::to_string(::getpid())), 500us);
    EXPECT_EQ(watchdog("500", std::to_string(::getppid())), std::nullopt);
    for (const char* text : {"", "0", "-1", "5s", "99999999999999999999"})
        EXPECT_EQ(watchdog(text, std::to_string(::getpid())), std::nullopt) << text;
}

TEST_F(ServiceNotifierTest, is_silent_without_a_manager_and_survives_a_dead_one) {
    ServiceNotifier::from_environment().ready("well");
    for (const char* address : {"", "relative", "@", "@nobody-listens-here"}) {
        ::setenv("NOTIFY_SOCKET", address, 1);
        ServiceNotifier::from_environment().ready("well");
    }
}

}  // namespace
}  // namespace neosocksd::app
