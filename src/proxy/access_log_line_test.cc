// Both formats, and that nothing a peer says can forge a field, a line or an object.

#include "proxy/access_log_line.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <set>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

class AccessLogLine : public testing::Test {
protected:
    // The zone of the process, as long as a test runs.
    static void SetUpTestSuite() { set_zone("IST-5:30"); }
    static void TearDownTestSuite() {
        ::unsetenv("TZ");
        ::tzset();
    }
    static void set_zone(const char* zone) {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
};

AccessRecord example() {
    AccessRecord record;
    record.facts.time = std::chrono::system_clock::time_point(1714979289s + 7ms);
    record.facts.setup = 1234us;
    record.facts.address = Endpoint{*IpAddress::parse("192.0.2.1"), 443};
    record.facts.up_bytes = 517;
    record.facts.down_bytes = 18446744073709551615u;
    record.texts.target = "example.org:443";
    record.duration = 61s + 5us;
    record.client = "198.51.100.7:40000";
    record.listener = "0.0.0.0:1080";
    record.protocol = "socks5";
    record.command = "connect";
    record.end = "finished";
    return record;
}

std::string line_of(const AccessRecord& record, AccessFormat format) {
    std::string line;
    append_access_line(record, format, line);
    return line;
}

// What the record's target becomes between `before` and `after`.
std::string shown(std::string_view target, AccessFormat format) {
    AccessRecord record = example();
    record.texts.target = target;
    const std::string line = line_of(record, format);
    const std::string before = format == AccessFormat::text ? " target=" : "\"target\":";
    const std::string after = format == AccessFormat::text ? " route=" : ",\"route\":";
    const auto begin = line.find(before) + before.size();
    return line.substr(begin, line.find(after, begin) - begin);
}

TEST_F(AccessLogLine, text_of_an_established_session) {
    EXPECT_EQ(line_of(example(), AccessFormat::text),
              "2024-05-06T12:38:09.007+05:30 duration=61.000005 setup=0.001234"
              " client=198.51.100.7:40000 user=- listener=0.0.0.0:1080 protocol=socks5"
              " command=connect target=example.org:443 route=- address=192.0.2.1:443 chain=-"
              " outcome=established end=finished up=517 down=18446744073709551615\n");
}

TEST_F(AccessLogLine, json_of_an_established_session) {
    AccessRecord record = example();
    record.user = "alice";
    record.route = "203.0.113.1:443";
    record.chain = "socks5://a:1\nhttp://b:2";
    EXPECT_EQ(line_of(record, AccessFormat::json),
              R"({"time":"2024-05-06T12:38:09.007+05:30","duration":61.000005,"setup":0.001234,)"
              R"("client":"198.51.100.7:40000","user":"alice","listener":"0.0.0.0:1080",)"
              R"("protocol":"socks5","command":"connect","target":"example.org:443",)"
              R"("route":"203.0.113.1:443","address":"192.0.2.1:443",)"
              R"("chain":["socks5://a:1","http://b:2"],"outcome":"established",)"
              R"("end":"finished","up":517,"down":18446744073709551615})"
              "\n");
}

TEST_F(AccessLogLine, text_of_a_chain_is_one_field) {
    AccessRecord record = example();
    record.chain = "socks5://a:1\nhttp://b:2";
    EXPECT_NE(line_of(record, AccessFormat::text).find(" chain=socks5://a:1,http://b:2 "),
              std::string::npos);
}

TEST_F(AccessLogLine, what_is_not_known_is_a_dash_or_null) {
    EXPECT_EQ(line_of({.outcome = Outcome::early_eof}, AccessFormat::text),
              "1970-01-01T05:30:00.000+05:30 duration=0.000000 setup=- client=- user=- listener=-"
              " protocol=- command=- target=- route=- address=- chain=- outcome=early_eof end=-"
              " up=0 down=0\n");
    EXPECT_EQ(line_of({.outcome = Outcome::early_eof}, AccessFormat::json),
              R"({"time":"1970-01-01T05:30:00.000+05:30","duration":0.000000,"setup":null,)"
              R"("client":null,"user":null,"listener":null,"protocol":null,"command":null,)"
              R"("target":null,"route":null,"address":null,"chain":null,"outcome":"early_eof",)"
              R"("end":null,"up":0,"down":0})"
              "\n");
}

TEST_F(AccessLogLine, every_outcome_has_its_name) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < kOutcomes; i++) {
        AccessRecord record = example();
        record.outcome = static_cast<Outcome>(i);
        const std::string name = row_of(record.outcome).name;
        EXPECT_TRUE(seen.insert(name).second);
        EXPECT_NE(line_of(record, AccessFormat::text).find(" outcome=" + name + " "),
                  std::string::npos);
        EXPECT_NE(line_of(record, AccessFormat::json).find("\"outcome\":\"" + name + "\","),
                  std::string::npos);
    }
}

TEST_F(AccessLogLine, datagrams_and_plain_http_have_fields_of_their_own) {
    AccessRecord record = example();
    record.datagrams = {1, 2, 3};
    EXPECT_TRUE(line_of(record, AccessFormat::text)
                    .ends_with(" datagrams_up=1 datagrams_down=2 datagrams_dropped=3\n"));
    EXPECT_TRUE(line_of(record, AccessFormat::json)
                    .ends_with(R"(,"datagrams_up":1,"datagrams_down":2,"datagrams_dropped":3})"
                               "\n"));
    record.datagrams.reset();
    record.texts.method = "GET";
    record.texts.path = "/a";
    record.facts.status = 404;
    EXPECT_TRUE(line_of(record, AccessFormat::text).ends_with(" method=GET path=/a status=404\n"));
    EXPECT_TRUE(line_of(record, AccessFormat::json)
                    .ends_with(R"(,"method":"GET","path":"/a","status":404})"
                               "\n"));
}

TEST_F(AccessLogLine, milliseconds_are_cut_not_rounded_into_the_next_second) {
    AccessRecord record = example();
    record.facts.time = std::chrono::system_clock::time_point(1714979289s + 999999us);
    EXPECT_TRUE(line_of(record, AccessFormat::text).starts_with("2024-05-06T12:38:09.999+05:30 "));
}

TEST_F(AccessLogLine, west_of_greenwich) {
    set_zone("NST3:30");
    AccessRecord record = example();
    record.facts.time += 1s;
    EXPECT_TRUE(line_of(record, AccessFormat::text).starts_with("2024-05-06T03:38:10.007-03:30 "));
    set_zone("IST-5:30");
}

TEST_F(AccessLogLine, each_byte_in_text) {
    for (int i = 0; i < 256; i++) {
        const char byte = static_cast<char>(i);
        const std::string text = shown(std::string("a") + byte, AccessFormat::text);
        const bool plain = i > 0x20 && i < 0x7f && byte != '"' && byte != '\\';
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "a\\x%02x", static_cast<unsigned>(i));
        EXPECT_EQ(text, plain ? std::string("a") + byte : std::string(escaped)) << i;
    }
}

TEST_F(AccessLogLine, each_ascii_byte_in_json) {
    for (int i = 0; i < 128; i++) {
        const char byte = static_cast<char>(i);
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(i));
        const std::string wanted = byte == '"' || byte == '\\' ? std::string("\\") + byte
                                   : i < 0x20 || i == 0x7f     ? std::string(escaped)
                                                               : std::string(1, byte);
        EXPECT_EQ(shown(std::string(1, byte), AccessFormat::json), "\"" + wanted + "\"") << i;
    }
}

TEST_F(AccessLogLine, characters_beyond_ascii_in_json) {
    struct Row {
        std::string text;
        const char* wanted;
    };
    const Row rows[] = {
        {"\xc3\xbc", R"("\u00fc")"},
        {"\xe2\x80\xa8", R"("\u2028")"},  // ends a line for some readers
        {"\xf0\x9f\x98\x80", R"("\ud83d\ude00")"},
        {"\xc2", R"("\ufffd")"},  // cut off
        {"\xe2\x80", R"("\ufffd\ufffd")"},
        {"\xff", R"("\ufffd")"},
        {"\x80z", R"("\ufffdz")"},          // no beginning
        {"\xc0\xaf", R"("\ufffd\ufffd")"},  // overlong
        {"\xe0\x80\xaf", R"("\ufffd\ufffd\ufffd")"},
        {"\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},  // a surrogate
        {"\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
        {"\xc3\"", R"("\ufffd\"")"},  // swallows no quote
    };
    for (const Row& row : rows) EXPECT_EQ(shown(row.text, AccessFormat::json), row.wanted);
}

TEST_F(AccessLogLine, a_lone_dash_is_not_taken_for_an_absent_value) {
    EXPECT_EQ(shown("-", AccessFormat::text), "\\x2d");
    EXPECT_EQ(shown("--", AccessFormat::text), "--");
    EXPECT_EQ(shown("-", AccessFormat::json), "\"-\"");
}

TEST_F(AccessLogLine, cuts_a_long_field) {
    const std::string most(limits::kAccessLogFieldBytes, 'x');
    EXPECT_EQ(shown(most, AccessFormat::text), most);
    EXPECT_EQ(shown(most + "yz", AccessFormat::text), most + "...");
    EXPECT_EQ(shown(most + "yz", AccessFormat::json), "\"" + most + "...\"");
}

TEST_F(AccessLogLine, always_as_many_fields_and_one_line_end) {
    AccessRecord record = example();
    record.texts.target = "a b\n1970 up=1\r\n\"";
    record.user = "\" x=y\\";
    record.route = "c d";
    const std::string line = line_of(record, AccessFormat::text);
    EXPECT_EQ(std::ranges::count(line, ' '), 15);
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_EQ(std::ranges::count(line_of(record, AccessFormat::json), '\n'), 1);
}

}  // namespace
}  // namespace neosocksd::proxy
