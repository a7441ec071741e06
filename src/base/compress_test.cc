// Decoding is exact about containers, checksums, ends and limits; encoding is its reverse.

#include "base/compress.h"

#include <string>

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

constexpr std::size_t kPlenty = 1 << 20;

std::string hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return bytes;
}

// Text that does not compress to nothing.
std::string text(std::size_t size) {
    std::string result;
    for (unsigned state = 1; result.size() < size; state = state * 1103515245u + 12345u)
        result += static_cast<char>('a' + (state >> 16) % 20);
    return result;
}

// "hello" as other programs write it.
const std::string kZlib = hex("789ccb48cdc9c90700062c0215");
const std::string kRaw = hex("cb48cdc9c90700");

TEST(Compress, gives_back_what_it_encoded) {
    for (const Format format : {Format::zlib, Format::gzip, Format::zlib_or_raw}) {
        for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100000, 1 << 20}) {
            const std::string data = text(size);
            const std::string encoded = deflate(data, format);
            EXPECT_EQ(inflate(encoded, format, kPlenty), data) << size;
        }
    }
}

TEST(Compress, writes_the_containers_of_the_standards) {
    EXPECT_EQ(deflate("", Format::zlib).size(), 8u);
    EXPECT_TRUE(deflate("x", Format::zlib).starts_with("\x78\x9c"));
    EXPECT_TRUE(deflate("x", Format::zlib_or_raw).starts_with("\x78\x9c"));
    EXPECT_TRUE(deflate("x", Format::gzip).starts_with("\x1f\x8b\x08"));
}

TEST(Compress, reads_what_other_programs_write) {
    EXPECT_EQ(inflate(kZlib, Format::zlib, kPlenty), "hello");
    EXPECT_EQ(inflate(kZlib, Format::zlib_or_raw, kPlenty), "hello");
    EXPECT_EQ(inflate(kRaw, Format::zlib_or_raw, kPlenty), "hello");
    const std::string gzip = hex("1f8b0800000000000203cb48cdc9c9070086a6103605000000");
    EXPECT_EQ(inflate(gzip, Format::gzip, kPlenty), "hello");
}

TEST(Compress, takes_one_container_only_for_what_it_is) {
    EXPECT_EQ(inflate(kRaw, Format::zlib, kPlenty).error(), InflateError::corrupt);
    EXPECT_EQ(inflate(deflate("x", Format::gzip), Format::zlib, kPlenty).error(),
              InflateError::corrupt);
    EXPECT_EQ(inflate(deflate("x", Format::zlib), Format::gzip, kPlenty).error(),
              InflateError::corrupt);
    EXPECT_EQ(inflate("plain text", Format::zlib_or_raw, kPlenty).error(), InflateError::corrupt);
}

TEST(Compress, refuses_a_dictionary) {
    // FDICT is set; the header is valid otherwise.
    EXPECT_EQ(inflate(hex("78bb062c0215cb001100062c0215"), Format::zlib, kPlenty).error(),
              InflateError::corrupt);
}

TEST(Compress, ignores_what_follows_a_zlib_stream) {
    EXPECT_EQ(inflate(deflate("hello", Format::zlib) + "more", Format::zlib, kPlenty), "hello");
    EXPECT_EQ(inflate(kRaw + "more", Format::zlib_or_raw, kPlenty), "hello");
}

TEST(Compress, joins_the_members_of_gzip) {
    const std::string a = deflate("hello ", Format::gzip), b = deflate("world", Format::gzip);
    EXPECT_EQ(inflate(a + b, Format::gzip, kPlenty), "hello world");
    EXPECT_EQ(inflate("", Format::gzip, kPlenty), "");
    EXPECT_EQ(inflate(a + "garbage", Format::gzip, kPlenty).error(), InflateError::corrupt);
    EXPECT_EQ(inflate(a + b.substr(0, 5), Format::gzip, kPlenty).error(), InflateError::truncated);
}

TEST(Compress, finds_every_truncation) {
    for (const Format format : {Format::zlib, Format::gzip}) {
        const std::string whole = deflate(text(300), format);
        for (std::size_t size = format == Format::gzip ? 1 : 0; size < whole.size(); size++)
            EXPECT_EQ(inflate(whole.substr(0, size), format, kPlenty).error(),
                      InflateError::truncated)
                << size;
    }
    for (std::size_t size = 0; size < kRaw.size(); size++)
        EXPECT_EQ(inflate(kRaw.substr(0, size), Format::zlib_or_raw, kPlenty).error(),
                  InflateError::truncated)
            << size;
}

TEST(Compress, verifies_checksums_and_lengths) {
    std::string zlib = deflate("hello", Format::zlib);
    zlib.back() ^= 1;
    EXPECT_EQ(inflate(zlib, Format::zlib, kPlenty).error(), InflateError::checksum);
    EXPECT_EQ(inflate(zlib, Format::zlib_or_raw, kPlenty).error(), InflateError::checksum);
    const std::string gzip = deflate("hello", Format::gzip);
    for (std::size_t i = gzip.size() - 8; i < gzip.size(); i++) {
        std::string damaged = gzip;
        damaged[i] ^= 1;
        EXPECT_EQ(inflate(damaged, Format::gzip, kPlenty).error(), InflateError::checksum) << i;
    }
}

TEST(Compress, decodes_exactly_as_much_as_allowed) {
    for (const Format format : {Format::zlib, Format::gzip}) {
        for (const std::size_t size : {1, 4095, 4096, 8192, 70000}) {
            const std::string data = text(size);
            const std::string encoded = deflate(data, format);
            EXPECT_EQ(inflate(encoded, format, size), data) << size;
            EXPECT_EQ(inflate(encoded, format, size - 1).error(), InflateError::too_large) << size;
        }
        EXPECT_EQ(inflate(deflate("", format), format, 0), "");
    }
    // All members of a gzip stream together.
    const std::string member = deflate("12345", Format::gzip);
    EXPECT_EQ(inflate(member + member, Format::gzip, 10), "1234512345");
    EXPECT_EQ(inflate(member + member, Format::gzip, 9).error(), InflateError::too_large);
}

TEST(Compress, stops_a_bomb_at_the_limit) {
    const std::string bomb = deflate(std::string(64 << 20, 'x'), Format::zlib);
    ASSERT_LT(bomb.size(), 70000u);
    EXPECT_EQ(inflate(bomb, Format::zlib, kPlenty).error(), InflateError::too_large);
}

TEST(Compress, names_its_errors) {
    EXPECT_STREQ(to_string(InflateError::corrupt), "corrupt data");
    EXPECT_STREQ(to_string(InflateError::checksum), "checksum mismatch");
    EXPECT_STREQ(to_string(InflateError::truncated), "truncated data");
    EXPECT_STREQ(to_string(InflateError::too_large), "output too large");
}

}  // namespace
}  // namespace neosocksd
