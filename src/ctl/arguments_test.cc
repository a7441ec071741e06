#include "ctl/arguments.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

const char* nothing(const char*) {
    return nullptr;
}

Parsed parse(std::vector<const char*> words, const char* (*environment)(const char*) = nothing) {
    return parse_arguments(words, environment);
}
Invocation good(std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    if (const auto* complaint = std::get_if<Complaint>(&parsed)) ADD_FAILURE() << complaint->text;
    const auto* invocation = std::get_if<Invocation>(&parsed);
    return invocation ? *invocation : Invocation();
}
std::string bad(std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    const auto* complaint = std::get_if<Complaint>(&parsed);
    return complaint ? complaint->text : "accepted";
}

TEST(CtlArguments, a_command_alone_asks_the_usual_address) {
    const Invocation invocation = good({"stats"});
    EXPECT_EQ(invocation.command, Command::stats);
    EXPECT_EQ(invocation.api, "127.0.0.1:9080");
    EXPECT_EQ(invocation.timeout_seconds, 60);
    EXPECT_FALSE(invocation.json);
}

TEST(CtlArguments, the_environment_comes_before_the_default_and_behind_options) {
    const auto environment = [](const char* name) -> const char* {
        return std::string_view(name) == "NEOSOCKSD_API" ? "unix:/run/api" : "/etc/token";
    };
    const auto parsed = parse({"gc"}, environment);
    EXPECT_EQ(std::get<Invocation>(parsed).api, "unix:/run/api");
    EXPECT_EQ(std::get<Invocation>(parsed).token_file, "/etc/token");
    const auto given = parse({"gc", "--api", ":1", "--token-file", "x"}, environment);
    EXPECT_EQ(std::get<Invocation>(given).api, ":1");
    EXPECT_EQ(std::get<Invocation>(given).token_file, "x");
}

TEST(CtlArguments, options_may_stand_anywhere) {
    const Invocation invocation = good(
        {"--json", "sessions", "user=a", "--limit", "7", "client=10.0.0.0/8", "--timeout", "2.5"});
    EXPECT_EQ(invocation.command, Command::sessions);
    EXPECT_EQ(invocation.operands, (std::vector<std::string>{"user=a", "client=10.0.0.0/8"}));
    EXPECT_EQ(invocation.limit, 7);
    EXPECT_EQ(invocation.timeout_seconds, 2.5);
    EXPECT_TRUE(invocation.json);
}

TEST(CtlArguments, a_dash_is_an_operand_and_two_end_the_options) {
    EXPECT_EQ(good({"invoke", "-"}).operands, std::vector<std::string>{"-"});
    EXPECT_EQ(good({"invoke", "--", "-e"}).operands, std::vector<std::string>{"-e"});
    EXPECT_EQ(good({"rpcall", "-e", "-- a comment"}).code, "-- a comment");
}

TEST(CtlArguments, help_is_help_wherever_it_stands) {
    EXPECT_TRUE(std::holds_alternative<Help>(parse({"-h"})));
    EXPECT_TRUE(std::holds_alternative<Help>(parse({"frob", "--help"})));
}

TEST(CtlArguments, says_what_is_wrong) {
    EXPECT_EQ(bad({}), "a command is missing");
    EXPECT_EQ(bad({"frob"}), "unknown command `frob'");
    EXPECT_EQ(bad({"stats", "-x"}), "unknown option `-x'");
    EXPECT_EQ(bad({"stats", "--api"}), "`--api' needs a value: ADDRESS");
    EXPECT_EQ(bad({"stats", "x"}), "`stats' takes no `x'");
    EXPECT_EQ(bad({"explain"}),
              "usage: neosocksd ctl explain HOST:PORT [--user NAME] [--from ADDRESS]");
    EXPECT_EQ(bad({"stats", "--limit", "1"}), "`stats' has no option `--limit'");
    EXPECT_EQ(bad({"gc", "--json"}), "--json: the answer to `gc' has no JSON");
    EXPECT_EQ(bad({"sessions", "anna"}), "a filter looks like `user=NAME' or `client=ADDRESS'");
    EXPECT_EQ(bad({"kill", "1", "user=x"}), "either sessions by their ID or filters, not both");
    EXPECT_EQ(bad({"kill", "../gc"}), "`../gc' is neither the ID of a session nor a filter");
    EXPECT_EQ(bad({"kill", ""}), "`' is neither the ID of a session nor a filter");
    EXPECT_EQ(bad({"invoke"}), "usage: neosocksd ctl invoke FILE|-|-e CODE");
    EXPECT_EQ(bad({"invoke", "x", "-e", "y"}), "usage: neosocksd ctl invoke FILE|-|-e CODE");
    EXPECT_TRUE(bad({"reload"}).contains("SIGHUP"));
}

TEST(CtlArguments, numbers_have_bounds) {
    for (const char* value : {"", "0", "-1", "x", "1x", "nan", "inf", "86401"})
        EXPECT_EQ(bad({"gc", "--timeout", value}),
                  std::string("bad value of `--timeout': `") + value + "'");
    for (const char* value : {"0", "1.5", "9223372036854775808"})
        EXPECT_TRUE(bad({"sessions", "--limit", value}).starts_with("bad value")) << value;
    EXPECT_TRUE(bad({"top", "--interval", "0.01"}).starts_with("bad value"));
}

TEST(CtlArguments, help_texts_need_no_quoting_in_shells) {
    for (const auto& words : {command_words(), option_words()})
        for (const WordSpec& word : words)
            EXPECT_FALSE(word.help.contains('\'') || word.help.contains('"')) << word.help;
}

TEST(CtlArguments, the_usage_names_everything_and_fits_a_screen) {
    const std::string text = usage();
    for (const WordSpec& word : command_words())
        EXPECT_TRUE(text.contains("\n  " + std::string(word.name))) << word.name;
    std::size_t lines = 0;
    for (std::size_t begin = 0; begin < text.size(); lines++) {
        const auto end = text.find('\n', begin);
        EXPECT_LE(end - begin, 100U) << text.substr(begin, end - begin);
        begin = end + 1;
    }
    EXPECT_LE(lines, 30U);
}

}  // namespace
}  // namespace neosocksd::ctl
