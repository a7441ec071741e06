// The parsing rules of spec/cli.md section 1, row by row, and what no argument may do.

#include "app/options.h"

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/help.h"
#include "app/option_table.h"
#include "app/options_check.h"

namespace neosocksd::app {
namespace {

ParseResult parse_vector(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"prog"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const int argc = static_cast<int>(argv.size());
    argv.push_back(nullptr);
    return parse(argc, argv.data());
}

ParseResult parse_list(std::initializer_list<const char*> arguments) {
    return parse_vector({arguments.begin(), arguments.end()});
}

Options options_of(std::initializer_list<const char*> arguments) {
    const ParseResult result = parse_list(arguments);
    const auto* options = std::get_if<Options>(&result);
    EXPECT_TRUE(options) << "refused";
    return options ? *options : Options{};
}

// The one line that says why, empty if the arguments were accepted.
std::string refusal_of(std::initializer_list<const char*> arguments) {
    const ParseResult result = parse_list(arguments);
    const auto* messages = std::get_if<std::vector<Message>>(&result);
    if (!messages) return {};
    EXPECT_EQ(messages->size(), 1u);
    EXPECT_EQ(messages->front().level, log::Level::fatal);
    return messages->front().text;
}

TEST(OptionsParse, no_arguments_give_the_defaults) {
    EXPECT_EQ(options_of({}), Options{});
    const ParseResult nothing_at_all = parse(0, nullptr);
    EXPECT_EQ(std::get<Options>(nothing_at_all), Options{});
}

TEST(OptionsParse, the_defaults_are_those_of_the_documentation) {
    const Options options;
    EXPECT_FALSE(options.listen);
    EXPECT_FALSE(options.http);
    EXPECT_TRUE(options.mixed);
    EXPECT_TRUE(options.fastopen);
    EXPECT_EQ(options.family, AF_UNSPEC);
    EXPECT_EQ(options.timeout_seconds, 60);
    EXPECT_EQ(options.loglevel, 4);
    EXPECT_EQ(options.threads, 0);
    EXPECT_EQ(options.drain_seconds, 0);
    EXPECT_EQ(options.max_sessions, 0);
    EXPECT_EQ(options.startups, Startups{});
    EXPECT_TRUE(options.block_outbound.multicast);
    EXPECT_FALSE(options.block_outbound.local);
}

struct Refused {
    std::vector<std::string> arguments;
    std::string message;
};

class OptionsParseRefuses : public testing::TestWithParam<Refused> {};

TEST_P(OptionsParseRefuses, with_the_exact_message) {
    const ParseResult result = parse_vector(GetParam().arguments);
    const std::vector<Message> expected{{log::Level::fatal, GetParam().message}};
    ASSERT_TRUE(std::holds_alternative<std::vector<Message>>(result));
    EXPECT_EQ(std::get<std::vector<Message>>(result).front().text, expected.front().text);
    EXPECT_EQ(std::get<std::vector<Message>>(result), expected);
}

const Refused kRefused[] = {
    {{"foo"}, "unknown argument: `foo', try \"prog --help\" for more information"},
    {{""}, "unknown argument: `', try \"prog --help\" for more information"},
    {{"-"}, "unknown argument: `-', try \"prog --help\" for more information"},
    {{"-4d"}, "unknown argument: `-4d', try \"prog --help\" for more information"},
    {{"-l", ":1", "x"}, "unknown argument: `x', try \"prog --help\" for more information"},
    {{"--listen=:1"},
     "unknown argument: `--listen=:1', try \"prog --help\" for more information"
     " (did you mean `--listen'?)"},
    {{"--timeuot", "5"},
     "unknown argument: `--timeuot', try \"prog --help\" for more information"
     " (did you mean `--timeout'?)"},
    {{"--LISTEN"}, "unknown argument: `--LISTEN', try \"prog --help\" for more information"},
    {{"-l"}, "option `-l' requires an argument"},
    {{"--listen"}, "option `--listen' requires an argument"},
    {{"-4", "-t"}, "option `-t' requires an argument"},
    {{"-t", "abc"}, "argument error: -t `abc' (5-86400)"},
    {{"--timeout", ""}, "argument error: --timeout `' (5-86400)"},
    {{"-t", "5s"}, "argument error: -t `5s' (5-86400)"},
    {{"-m", ""}, "argument error: -m `' (0-2147483647)"},
    {{"-m", "-1"}, "argument error: -m `-1' (0-2147483647)"},
    {{"-m", "2147483648"}, "argument error: -m `2147483648' (0-2147483647)"},
    {{"--loglevel", ""}, "argument error: --loglevel `' (0-8)"},
    {{"--loglevel", "-1"}, "argument error: --loglevel `-1' (0-8)"},
    {{"--loglevel", "debug"}, "argument error: --loglevel `debug' (0-8)"},
    {{"--max-startups", "::"}, "argument error: --max-startups `::' (three integers, RATE 0-100)"},
    {{"--max-startups", "1:2"},
     "argument error: --max-startups `1:2' (three integers, RATE 0-100)"},
    {{"-l", "127.0.0.1:99999"},
     "argument error: -l `127.0.0.1:99999' (HOST:PORT, port 0-65535 or a service name; "
     "unix:/PATH; unix:@NAME; systemd:[NAME])"},
    {{"--http", ":65536"},
     "argument error: --http `:65536' (HOST:PORT, port 0-65535 or a service name; "
     "unix:/PATH; unix:@NAME; systemd:[NAME])"},
    {{"--io", "foo"}, "argument error: --io `foo' (auto, uring, epoll)"},
    {{"--log", "STDOUT"},
     "argument error: --log `STDOUT' (stdout, stderr, terminal, syslog, discard)"},
    {{"--threads", "0"}, "argument error: --threads `0' (1-256)"},
    {{"--threads", "257"}, "argument error: --threads `257' (1-256)"},
    {{"--busy-poll", "1001"}, "argument error: --busy-poll `1001' (0-1000)"},
    {{"--drain", "-1"}, "argument error: --drain `-1' (0-86400)"},
    {{"--drain", "86400.5"}, "argument error: --drain `86400.5' (0-86400)"},
    {{"--drain", "nan"}, "argument error: --drain `nan' (0-86400)"},
    {{"--block-outbound", "private"},
     "argument error: --block-outbound `private' (loopback, multicast, local, global; "
     "not local with global)"},
    {{"--block-outbound", "local,global"},
     "argument error: --block-outbound `local,global' (loopback, multicast, local, global; "
     "not local with global)"},
};

INSTANTIATE_TEST_SUITE_P(Table, OptionsParseRefuses, testing::ValuesIn(kRefused));

TEST(OptionsParse, the_value_is_the_next_argument_even_if_it_starts_with_a_dash) {
    EXPECT_EQ(options_of({"-l", "-x"}).listen, "-x");
    EXPECT_EQ(options_of({"-l", "--"}).listen, "--");
    EXPECT_EQ(options_of({"-x", "-h"}).proxy, "-h");
    EXPECT_EQ(refusal_of({"-m", "-4"}), "argument error: -m `-4' (0-2147483647)");
}

TEST(OptionsParse, a_double_dash_ends_the_options_and_the_rest_is_ignored) {
    const Options options = options_of({"-4", "--", "-6", "junk", "--help"});
    EXPECT_EQ(options.family, AF_INET);
}

TEST(OptionsParse, the_last_of_repeated_options_wins) {
    EXPECT_EQ(options_of({"-l", ":1", "--listen", ":2"}).listen, ":2");
    EXPECT_EQ(options_of({"-4", "-6"}).family, AF_INET6);
    EXPECT_EQ(options_of({"-6", "-4"}).family, AF_INET);
    EXPECT_EQ(options_of({"--pipe", "--no-pipe"}).relay, RelayMode::copy);
    EXPECT_EQ(options_of({"--no-pipe", "--pipe"}).relay, RelayMode::splice);
    EXPECT_EQ(options_of({"-t", "7", "-t", "8"}).timeout_seconds, 8);
    EXPECT_EQ(
        options_of({"--block-outbound", "local", "--block-outbound", "loopback"}).block_outbound,
        (BlockOutbound{.loopback = true, .multicast = false}));
}

TEST(OptionsParse, http_takes_an_address_only_if_one_follows) {
    const Options alone = options_of({"-l", ":1", "--http"});
    EXPECT_TRUE(alone.http);
    EXPECT_FALSE(alone.http_listen);

    const Options before_an_option = options_of({"--http", "-l", ":1"});
    EXPECT_TRUE(before_an_option.http);
    EXPECT_FALSE(before_an_option.http_listen);
    EXPECT_EQ(before_an_option.listen, ":1");

    const Options beside = options_of({"-l", ":1", "--http", ":8080", "-4"});
    EXPECT_TRUE(beside.http);
    EXPECT_EQ(beside.http_listen, ":8080");
    EXPECT_EQ(beside.family, AF_INET);

    EXPECT_EQ(options_of({"--http", ""}).http_listen, "");
    EXPECT_FALSE(options_of({"--http", "--", ":8080"}).http_listen);
    EXPECT_FALSE(options_of({"--http", ":8080", "--http"}).http_listen);
}

TEST(OptionsParse, an_empty_address_differs_from_none) {
    EXPECT_EQ(options_of({"-l", ""}).listen, "");
    EXPECT_EQ(options_of({"-f", ""}).forward, "");
    EXPECT_FALSE(options_of({}).forward);
}

TEST(OptionsParse, help_is_answered_as_soon_as_it_is_met) {
    for (const char* const name : {"-h", "--help"}) {
        const ParseResult result = parse_list({"-4", name, "junk", "-t", "abc"});
        ASSERT_TRUE(std::holds_alternative<Answer>(result));
        const auto& answer = std::get<Answer>(result);
        EXPECT_EQ(answer.status, 1);
        EXPECT_TRUE(answer.to_standard_error);
        EXPECT_EQ(answer.text, usage_text("prog"));
    }
    EXPECT_NE(refusal_of({"junk", "-h"}), "");
}

TEST(OptionsParse, version_is_answered_on_standard_output) {
    const ParseResult result = parse_list({"--version", "junk"});
    ASSERT_TRUE(std::holds_alternative<Answer>(result));
    const auto& answer = std::get<Answer>(result);
    EXPECT_EQ(answer.status, 0);
    EXPECT_FALSE(answer.to_standard_error);
    EXPECT_EQ(answer.text, version_text());
}

TEST(OptionsParse, messages_name_the_program_as_it_was_called) {
    const char* const argv[] = {"/usr/sbin/neosocksd", "foo", nullptr};
    const ParseResult result = parse(2, argv);
    EXPECT_EQ(std::get<std::vector<Message>>(result).front().text,
              "unknown argument: `foo', try \"/usr/sbin/neosocksd --help\" for more information");
}

// Any argument vector ends in one of the three results, with a text for each refusal, and what is
// accepted can be checked.
TEST(OptionsParse, survives_any_argument_vector) {
    constexpr unsigned kSeed = 20240607;
    SCOPED_TRACE(fmt::format("seed {}", kSeed));
    std::mt19937 random(kSeed);
    const auto below = [&](std::size_t bound) {
        return static_cast<std::size_t>(random() % bound);
    };
    std::vector<std::string> fragments{
        "",      "-",     "--",           ":", "0",    "60", "1:2:3",  "+",
        "nan",   "0x1p5", "local,global", ",", "auto", "=",  "syslog", "99999999999999999999",
        ":99999"};
    for (const OptionSpec& spec : option_table())
        for (const std::string_view name : spec.names()) fragments.emplace_back(name);
    const auto random_argument = [&] {
        std::string text;
        switch (below(4)) {
        case 0:
            for (std::size_t n = below(8); n > 0; n--) text += static_cast<char>(1 + below(255));
            break;
        case 1:
            text = fragments[below(fragments.size())] + fragments[below(fragments.size())];
            break;
        default: text = fragments[below(fragments.size())]; break;
        }
        return text;
    };
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 20000; round++) {
        std::vector<std::string> arguments;
        for (std::size_t n = below(7); n > 0; n--) arguments.push_back(random_argument());
        const ParseResult result = parse_vector(arguments);
        if (const auto* options = std::get_if<Options>(&result)) {
            accepted++;
            for (const Message& message : check(*options, "prog"))
                ASSERT_FALSE(message.text.empty());
            ASSERT_GE(options->loglevel, 0);
            ASSERT_LE(options->loglevel, 8);
            ASSERT_LE(options->threads, 256);
        } else if (const auto* messages = std::get_if<std::vector<Message>>(&result)) {
            refused++;
            ASSERT_EQ(messages->size(), 1u);
            ASSERT_FALSE(messages->front().text.empty());
        }
    }
    // Both sides were really visited.
    EXPECT_GT(accepted, 1000u);
    EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace neosocksd::app
