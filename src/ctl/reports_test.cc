#include "ctl/reports.h"

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

TEST(CtlReports, a_failure_is_said_in_the_servers_words_if_it_has_some) {
    EXPECT_EQ(failure_text(
                  {500, "Internal Server Error", "text/plain; charset=utf-8", "(invoke):1: boom"},
                  "/ruleset/invoke", false),
              "(invoke):1: boom");
    EXPECT_EQ(failure_text({400, "Bad Request", "text/plain", "sessions: unknown parameter `x'\n"},
                           "/sessions", false),
              "sessions: unknown parameter `x'");
    EXPECT_EQ(
        failure_text({413, "Payload Too Large", "text/html", "<HTML>"}, "/ruleset/invoke", false),
        "the server refuses /ruleset/invoke: 413 Payload Too Large");
    EXPECT_EQ(failure_text({599, "", "", ""}, "/x", false), "the server refuses /x: status 599");
}

TEST(CtlReports, a_failure_says_what_to_do) {
    EXPECT_EQ(failure_text({401, "Unauthorized", "text/html", "<HTML>"}, "/stats", false),
              "the server wants a token: --token-file FILE (401)");
    EXPECT_EQ(failure_text({401, "Unauthorized", "text/html", "<HTML>"}, "/stats", true),
              "the server does not know this token (401)");
    EXPECT_EQ(failure_text({403, "Forbidden", "text/html", "<HTML>"}, "/ruleset/gc", true),
              "the token may look, but this needs one of the `admin' kind (403)");
    EXPECT_EQ(failure_text({404, "Not Found", "text/html", "<HTML>"}, "/sessions", false),
              "the server has no /sessions: is it an older version? (404)");
}

TEST(CtlReports, an_explanation_is_laid_out_line_by_line) {
    const auto answer = JsonValue::parse(R"({"callback":"resolve","addr":"a.example:80",
        "verdict":"connect","target":"b.example:81","as_asked":false,
        "chain":["socks5://1.1.1.1:1","http://2.2.2.2:2"],
        "first_hop":{"host":"1.1.1.1:1","addresses":[{"address":"1.1.1.1:1","policy":"allowed"}]},
        "forwards":[],"tags":["ads","geo"],"log":["l\u001b1","l2"],"seconds":0.001})");
    ASSERT_TRUE(answer);
    EXPECT_EQ(explain_report(*answer),
              "Request             : resolve of a.example:80\n"
              "Verdict             : connect\n"
              "Rules               : ads, geo\n"
              "Target              : b.example:81 (rewritten)\n"
              "Chain               : socks5://1.1.1.1:1 -> http://2.2.2.2:2\n"
              "First Hop           : 1.1.1.1:1\n"
              "Address             : 1.1.1.1:1 (allowed)\n"
              "Log                 : l?1\n"
              "Log                 : l2\n"
              "Time Cost           : 1.000ms\n");
}

TEST(CtlReports, a_time_that_no_clock_can_hold_is_the_longest_there_is) {
    EXPECT_EQ(seconds_text(2.4e51), seconds_text(9e9));
    EXPECT_EQ(seconds_text(-2.4e51), "-" + seconds_text(9e9));
    EXPECT_EQ(seconds_text(65.25), "1:05.3");
}

TEST(CtlReports, a_session_is_one_row) {
    const auto session = JsonValue::parse(
        R"({"id":17,"client":"192.0.2.1:4000","user":null,"protocol":"socks5",)"
        R"("target":"a.example:443","route":null,"chain":[],"state":"established","age":65.25,)"
        R"("up_bytes":1000,"down_bytes":3145728,"up_rate":0,"down_rate":4096})");
    ASSERT_TRUE(session);
    Table table = session_table();
    add_session(table, *session);
    EXPECT_EQ(table.text(Style(false)),
              "ID  CLIENT          PROTOCOL  STATE           AGE     UP     DOWN     DOWN/S"
              "  TARGET\n"
              "17  192.0.2.1:4000  socks5    established  1:05.3  1000B  3.00MiB  4.00KiB/s"
              "  a.example:443\n");
}

}  // namespace
}  // namespace neosocksd::ctl
