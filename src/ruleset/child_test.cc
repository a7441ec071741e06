// Shell commands beside the program: their ends, what they inherit, and that a cancelled one dies.

#include "ruleset/child.h"

#include <csignal>
#include <functional>

#include <unistd.h>

#include "io/await.h"
#include "io/engine_fixture.h"
#include "io/task_group.h"
#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

using namespace std::chrono_literals;

class ChildTest : public testing::TestWithParam<io::EngineChoice> {
protected:
    Result<ChildEnd> run(std::string command) {
        begin(std::move(command));
        EXPECT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
        return *end;
    }
    void begin(std::string command) {
        end.reset();
        const auto work = [](io::Loop& on, std::string text,
                             std::optional<Result<ChildEnd>>& out) -> io::Task<void> {
            auto running = run_shell(on, std::move(text));
            out = co_await std::move(running);
        };
        group.spawn(work(loop, std::move(command), end));
    }
    std::string read(const TemporaryFile& file) {
        std::FILE* stream = std::fopen(file.path().c_str(), "r");
        char text[4096];
        const std::size_t size = std::fread(text, 1, sizeof text, stream);
        std::fclose(stream);
        return {text, size};
    }

    io::Loop loop{GetParam()};
    io::TaskGroup group;
    std::optional<Result<ChildEnd>> end;
};

TEST_P(ChildTest, ends_as_a_shell_does) {
    struct Case {
        const char* command;
        bool by_signal;
        int number;
    };
    for (const auto& [command, by_signal, number] :
         {Case{"true", false, 0}, Case{"exit 3", false, 3}, Case{"exit 255", false, 255},
          Case{"kill -9 $$", true, 9}, Case{"kill -15 $$", true, 15},
          Case{"/nonexistent/x 2>/dev/null", false, 127}, Case{"", false, 0}}) {
        const auto result = run(command);
        ASSERT_TRUE(result) << command;
        EXPECT_EQ(result->by_signal, by_signal) << command;
        EXPECT_EQ(result->number, number) << command;
    }
}

TEST_P(ChildTest, ends_at_a_nul_as_it_does_for_c) {
    const auto result = run(std::string("exit 4\0; exit 5", 15));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->number, 4);
}

TEST_P(ChildTest, has_the_default_signals_and_a_session_of_its_own) {
    const TemporaryFile file;
    struct sigaction ignore{};
    struct sigaction before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    sigset_t blocked;
    sigset_t unblocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &unblocked);
    const auto result = run("grep -E 'Sig(Blk|Ign)' /proc/self/status > " + file.path() +
                            "; test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$");
    ::pthread_sigmask(SIG_SETMASK, &unblocked, nullptr);
    ::sigaction(SIGPIPE, &before, nullptr);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->number, 0);
    unsigned long long masked = 1;
    unsigned long long ignored = 1;
    const std::string status = read(file);
    ASSERT_EQ(std::sscanf(status.c_str(), "SigBlk: %llx SigIgn: %llx", &masked, &ignored), 2);
    EXPECT_EQ(masked, 0u);
    EXPECT_EQ(ignored & 0x7fffffff, 0u);  // without those of the C library
}

TEST_P(ChildTest, is_heard_of_although_the_program_was_started_with_sigchld_ignored) {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGCHLD, &ignore, nullptr);
    const auto result = run("exit 3");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->number, 3);
}

TEST_P(ChildTest, is_killed_when_nobody_waits_any_more) {
    const TemporaryFile file;
    begin("echo $$ > " + file.path() + "; exec sleep 1000");
    ASSERT_TRUE(io::run_until(loop, [&] { return read(file).ends_with('\n'); }));
    const pid_t pid = std::stoi(read(file));
    ASSERT_EQ(::kill(pid, 0), 0);
    group.cancel();
    ASSERT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
    EXPECT_EQ(::kill(pid, 0), -1);  // reaped, too
    ASSERT_FALSE(*end);
    EXPECT_EQ(end->error().code, ECANCELED);
}

TEST_P(ChildTest, many_at_once) {
    int ended = 0;
    const auto work = [](io::Loop& on, int& count) -> io::Task<void> {
        auto running = run_shell(on, "exit 1");
        const auto result = co_await std::move(running);
        if (result && result->number == 1) count++;
    };
    for (int i = 0; i < 50; i++) group.spawn(work(loop, ended));
    ASSERT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
    EXPECT_EQ(ended, 50);
}

ON_BOTH_ENGINES(ChildTest);

}  // namespace
}  // namespace neosocksd::ruleset
