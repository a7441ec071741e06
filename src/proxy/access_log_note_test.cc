// What goes into a note comes out of it.

#include "proxy/access_log_note.h"

#include <gtest/gtest.h>

namespace neosocksd::proxy {
namespace {

using namespace std::chrono_literals;

TEST(AccessNote, is_empty_until_something_is_noted) {
    EXPECT_FALSE(AccessNote());
    EXPECT_TRUE(AccessNote(AccessFacts(), AccessTexts()));
}

TEST(AccessNote, keeps_facts_and_texts_of_its_own) {
    AccessFacts facts;
    facts.time = std::chrono::system_clock::time_point(12345s);
    facts.begun = std::chrono::steady_clock::time_point(99s);
    facts.setup = 7us;
    facts.address = Endpoint{*IpAddress::parse("2001:db8::1"), 443};
    facts.up_bytes = 1;
    facts.down_bytes = 2;
    facts.status = 101;
    AccessNote note;
    {
        const std::string target = "t", method = "GET", path = std::string("/\0x", 3);
        note = AccessNote(facts, {target, method, path});
    }
    EXPECT_EQ(note.facts().time, facts.time);
    EXPECT_EQ(note.facts().begun, facts.begun);
    EXPECT_EQ(note.facts().setup, facts.setup);
    EXPECT_EQ(note.facts().address, facts.address);
    EXPECT_EQ(note.facts().up_bytes, 1u);
    EXPECT_EQ(note.facts().down_bytes, 2u);
    EXPECT_EQ(note.facts().status, 101);
    EXPECT_EQ(note.texts().target, "t");
    EXPECT_EQ(note.texts().method, "GET");
    EXPECT_EQ(note.texts().path, std::string_view("/\0x", 3));
}

TEST(AccessNote, is_one_pointer_in_a_session) {
    EXPECT_EQ(sizeof(AccessNote), sizeof(void*));
}

}  // namespace
}  // namespace neosocksd::proxy
