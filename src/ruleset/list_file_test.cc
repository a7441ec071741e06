#include "ruleset/list_file.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

std::vector<std::string> entries(std::string_view text, std::size_t piece) {
    std::vector<std::string> result;
    ListLines lines([&result](std::string_view entry) -> Parsed<void> {
        result.emplace_back(entry);
        return {};
    });
    for (std::size_t i = 0; i < text.size(); i += piece)
        EXPECT_TRUE(lines.feed(text.substr(i, piece)));
    EXPECT_TRUE(lines.finish());
    return result;
}

TEST(ListFile, comments_blanks_and_line_ends_do_not_count_wherever_bytes_are_cut) {
    const std::string_view text =
        "\xef\xbb\xbf# list\r\n\r\n  one \t\r\n#\ntwo # comment\n\n \t \nthree#x\r\nfour";
    const std::vector<std::string> expected = {"one", "two", "three", "four"};
    for (std::size_t piece = 1; piece <= text.size(); piece++)
        EXPECT_EQ(entries(text, piece), expected) << piece;
}

TEST(ListFile, refuses_a_line_longer_than_4096) {
    ListLines lines([](std::string_view) { return Parsed<void>{}; });
    EXPECT_TRUE(lines.feed("first\n" + std::string(limits::kListLineBytes, 'x')));
    const auto fed = lines.feed("x");
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error(), "2: the line is longer than 4096 bytes");
}

TEST(ListFile, plain_and_compressed_files_are_read) {
    std::string text = "# names\nexample.org\nfull:host.example.net\n";
    for (int i = 0; i < 50'000; i++) text += "name" + std::to_string(i) + ".test\r\n";
    TemporaryFile file(text);
    for (const bool compressed : {false, true}) {
        if (compressed) file.write_gzip(text);
        const auto set = load_domain_file(file.path());
        ASSERT_TRUE(set) << set.error();
        EXPECT_EQ(set->size(), 50'002u);
        EXPECT_TRUE(set->contains("www.name49999.test"));
        EXPECT_TRUE(set->contains("host.example.net"));
        EXPECT_FALSE(set->contains("www.host.example.net"));
    }
}

TEST(ListFile, each_family_takes_its_own_of_a_mixed_file) {
    const TemporaryFile file("10.0.0.0/8\n2001:db8::/32\n192.0.2.1\n::1\n");
    const auto set = load_subnet_file(file.path());
    ASSERT_TRUE(set) << set.error();
    EXPECT_EQ(set->size(), 2u);
    EXPECT_TRUE(set->contains(0x0a010203));
    EXPECT_TRUE(set->contains(0xc0000201));
    EXPECT_FALSE(set->contains(0xc0000202));
    const auto set6 = load_subnet6_file(file.path());
    ASSERT_TRUE(set6) << set6.error();
    EXPECT_EQ(set6->size(), 2u);
    EXPECT_TRUE(set6->contains(0x20010db800000000, 5));
    EXPECT_TRUE(set6->contains(0, 1));
}

TEST(ListFile, errors_name_file_and_line) {
    TemporaryFile file("10.0.0.0/8\n\n10.0.0.1/8\n");
    EXPECT_EQ(load_subnet_file(file.path()).error(),
              file.path() + ":3: invalid subnet \"10.0.0.1/8\"");
    file.write("2001:db8::/32\n2001:db8::1/32\n");
    EXPECT_EQ(load_subnet_file(file.path()).error(),
              file.path() + ":2: invalid subnet \"2001:db8::1/32\"");
    file.write("a.test\nregexp:^ads\n");
    EXPECT_EQ(load_domain_file(file.path()).error().substr(0, file.path().size() + 4),
              file.path() + ":2: ");
    file.write(std::string(5000, 'a'));
    EXPECT_EQ(load_domain_file(file.path()).error(),
              file.path() + ":1: the line is longer than 4096 bytes");
}

TEST(ListFile, files_that_cannot_be_read_are_errors) {
    EXPECT_EQ(load_domain_file("/nowhere/list").error(),
              "/nowhere/list: No such file or directory");
    EXPECT_EQ(load_domain_file("/tmp").error(), "/tmp: not a regular file");
    EXPECT_EQ(load_domain_file("/dev/zero").error(), "/dev/zero: not a regular file");
}

TEST(ListFile, a_compressed_file_that_is_cut_short_or_damaged_is_an_error) {
    Random random(printed_seed());
    std::string text;
    for (int i = 0; i < 20'000; i++) text += std::to_string(random.bits()) + ".test\n";
    TemporaryFile file;
    file.write_gzip(text);
    std::string packed(1 << 20, '\0');
    std::FILE* stream = std::fopen(file.path().c_str(), "re");
    packed.resize(std::fread(packed.data(), 1, packed.size(), stream));
    std::fclose(stream);
    file.write(packed.substr(0, packed.size() / 2));
    EXPECT_FALSE(load_domain_file(file.path()));
    file.write(packed.substr(0, packed.size() - 4));
    EXPECT_FALSE(load_domain_file(file.path()));
    std::string damaged = packed;
    damaged[packed.size() - 6] ^= 1;  // its checksum
    file.write(damaged);
    EXPECT_FALSE(load_domain_file(file.path()));
    file.write(packed);
    EXPECT_TRUE(load_domain_file(file.path()));
}

TEST(ListFile, an_empty_file_is_an_empty_set) {
    const TemporaryFile file;
    const auto set = load_domain_file(file.path());
    ASSERT_TRUE(set) << set.error();
    EXPECT_EQ(set->size(), 0u);
}

}  // namespace
}  // namespace neosocksd::ruleset
