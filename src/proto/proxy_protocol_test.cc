// Headers of both versions, each shown whole and cut at every byte, and what must be refused.

#include "proto/proxy_protocol.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::proto {
namespace {

using Next = ProxyHeaderStep::Next;

Endpoint endpoint(std::string_view ip, std::uint16_t port) {
    return {*IpAddress::parse(ip), port};
}

std::string binary(unsigned char version_command, unsigned char family, std::string_view block) {
    std::string header{"\r\n\r\n\0\r\nQUIT\n", 12};
    header += static_cast<char>(version_command);
    header += static_cast<char>(family);
    header += static_cast<char>(block.size() >> 8);
    header += static_cast<char>(block.size() & 0xff);
    return header += block;
}

const std::string kV4Block{"\xc0\x00\x02\x07\xc6\x33\x64\x02\x13\x88\x01\xbb", 12};

struct Row {
    const char* name;
    std::string bytes;
    Next next;
    ProxyHeader header = {};
};

class ReadProxyHeader : public testing::TestWithParam<Row> {};

const Row kRows[] = {
    {"text_v4",
     "PROXY TCP4 192.0.2.7 198.51.100.2 5000 443\r\n",
     Next::done,
     {endpoint("192.0.2.7", 5000), endpoint("198.51.100.2", 443)}},
    {"text_v6",
     "PROXY TCP6 2001:db8::7 2001:db8::2 65535 0\r\n",
     Next::done,
     {endpoint("2001:db8::7", 65535), endpoint("2001:db8::2", 0)}},
    {"text_unknown", "PROXY UNKNOWN\r\n", Next::done},
    {"text_unknown_with_words", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Next::done},
    {"binary_v4",
     binary(0x21, 0x11, kV4Block),
     Next::done,
     {endpoint("192.0.2.7", 5000), endpoint("198.51.100.2", 443)}},
    {"binary_v4_with_tlv",
     binary(0x21, 0x11, kV4Block + std::string("\x04\x00\x01\x00", 4)),
     Next::done,
     {endpoint("192.0.2.7", 5000), endpoint("198.51.100.2", 443)}},
    {"binary_local", binary(0x20, 0x00, ""), Next::done},
    {"binary_local_ignores_addresses", binary(0x20, 0x11, kV4Block), Next::done},
    {"binary_unix", binary(0x21, 0x31, std::string(216, 'x')), Next::done},
    {"binary_longest", binary(0x20, 0, std::string(limits::kProxyHeaderBytes - 16, 'x')),
     Next::done},
    {"nothing_like_it", "GET / HTTP/1.1\r\n", Next::refuse},
    {"socks", "\x05\x01", Next::refuse},
    {"lower_case", "proxy TCP4", Next::refuse},
    {"text_family", "PROXY UDP4 192.0.2.7 198.51.100.2 1 2\r\n", Next::refuse},
    {"text_wrong_family", "PROXY TCP6 192.0.2.7 198.51.100.2 1 2\r\n", Next::refuse},
    {"text_few_words", "PROXY TCP4 192.0.2.7 198.51.100.2 1\r\n", Next::refuse},
    {"text_many_words", "PROXY TCP4 192.0.2.7 198.51.100.2 1 2 3\r\n", Next::refuse},
    {"text_two_blanks", "PROXY TCP4  192.0.2.7 198.51.100.2 1 2\r\n", Next::refuse},
    {"text_port_too_large", "PROXY TCP4 192.0.2.7 198.51.100.2 65536 2\r\n", Next::refuse},
    {"text_port_with_zero", "PROXY TCP4 192.0.2.7 198.51.100.2 01 2\r\n", Next::refuse},
    {"text_port_signed", "PROXY TCP4 192.0.2.7 198.51.100.2 +1 2\r\n", Next::refuse},
    {"text_scope", "PROXY TCP6 fe80::1%1 fe80::2 1 2\r\n", Next::refuse},
    {"text_no_words", "PROXY \r\n", Next::refuse},
    {"text_endless", "PROXY TCP4 " + std::string(200, '1'), Next::refuse},
    {"binary_version", binary(0x11, 0x11, kV4Block), Next::refuse},
    {"binary_command", binary(0x22, 0x11, kV4Block), Next::refuse},
    {"binary_family", binary(0x21, 0x41, kV4Block), Next::refuse},
    {"binary_transport", binary(0x21, 0x13, kV4Block), Next::refuse},
    {"binary_short", binary(0x21, 0x11, kV4Block.substr(1)), Next::refuse},
    {"binary_short_v6", binary(0x21, 0x21, std::string(35, 'x')), Next::refuse},
    {"binary_too_long", binary(0x20, 0, std::string(limits::kProxyHeaderBytes - 15, 'x')),
     Next::refuse},
};
INSTANTIATE_TEST_SUITE_P(Rows, ReadProxyHeader, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST_P(ReadProxyHeader, whole_with_what_follows) {
    const Row& row = GetParam();
    const auto step = read_proxy_header(row.bytes + "rest");
    ASSERT_EQ(step.next, row.next) << step.failure;
    if (row.next != Next::done) return;
    EXPECT_EQ(step.consumed, row.bytes.size());
    EXPECT_EQ(step.header, row.header);
}

TEST_P(ReadProxyHeader, cut_at_every_byte_wants_more_until_it_knows) {
    const Row& row = GetParam();
    for (std::size_t size = 0; size < row.bytes.size(); size++) {
        const auto step = read_proxy_header(std::string_view(row.bytes).substr(0, size));
        EXPECT_NE(step.next, Next::done) << size;
        if (row.next == Next::done) EXPECT_EQ(step.next, Next::need_bytes) << size;
    }
}

TEST(ProxyHeader, that_we_write_is_one_that_we_read) {
    const Endpoint v4 = endpoint("192.0.2.7", 5000), other4 = endpoint("198.51.100.2", 443);
    const Endpoint v6 = endpoint("2001:db8::7", 1), other6 = endpoint("2001:db8::2", 65535);
    for (const auto& [source, destination] :
         {std::pair{v4, other4}, {v6, other6}, {v4, other6}, {v6, other4}}) {
        for (const auto write : {&proxy_header_v1, &proxy_header_v2}) {
            const std::string header = write(source, destination);
            const auto step = read_proxy_header(header);
            ASSERT_EQ(step.next, Next::done) << header << step.failure;
            EXPECT_EQ(step.consumed, header.size());
            EXPECT_EQ(step.header, (ProxyHeader{source, destination}));
        }
    }
}

TEST(ProxyHeader, is_written_as_the_specification_shows) {
    EXPECT_EQ(proxy_header_v1(endpoint("192.0.2.7", 5000), endpoint("198.51.100.2", 443)),
              "PROXY TCP4 192.0.2.7 198.51.100.2 5000 443\r\n");
    EXPECT_EQ(proxy_header_v2(endpoint("192.0.2.7", 5000), endpoint("198.51.100.2", 443)),
              binary(0x21, 0x11, kV4Block));
}

TEST(ProxyHeader, of_a_client_without_an_address_names_none) {
    for (const std::string& header : {unknown_proxy_header_v1(), unknown_proxy_header_v2()}) {
        const auto step = read_proxy_header(header);
        EXPECT_EQ(step.next, Next::done);
        EXPECT_EQ(step.consumed, header.size());
        EXPECT_EQ(step.header, ProxyHeader{});
    }
}

TEST(ProxyHeader, leaves_the_scope_out) {
    const Endpoint scoped{IpAddress::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 7),
                          1};
    EXPECT_EQ(proxy_header_v1(scoped, scoped), "PROXY TCP6 fe80::1 fe80::1 1 1\r\n");
}

}  // namespace
}  // namespace neosocksd::proto
