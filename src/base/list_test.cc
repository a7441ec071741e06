// The intrusive list: order, leaving, and the links of members and lists that die.

#include "base/list.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

struct Member : ListHook {
    explicit Member(int n) : number(n) {}
    int number;
};

std::vector<int> numbers(List<Member>& list) {
    std::vector<int> seen;
    list.for_each([&](Member& member) { seen.push_back(member.number); });
    return seen;
}

TEST(ListTest, keeps_the_order_of_joining) {
    List<Member> list;
    EXPECT_TRUE(list.empty());
    Member a(1), b(2), c(3);
    list.push_back(a);
    list.push_back(b);
    list.push_back(c);
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
    EXPECT_EQ(&list.pop_front(), &a);
    EXPECT_FALSE(a.linked());
    EXPECT_EQ(&list.front(), &b);
}

TEST(ListTest, a_member_leaves_from_anywhere) {
    List<Member> list;
    Member a(1), b(2), c(3), d(4);
    for (Member* member : {&a, &b, &c, &d}) list.push_back(*member);
    b.unlink();
    EXPECT_EQ(numbers(list), (std::vector{1, 3, 4}));
    a.unlink();
    d.unlink();
    EXPECT_EQ(numbers(list), (std::vector{3}));
    c.unlink();
    EXPECT_TRUE(list.empty());
    c.unlink();  // of no list: nothing happens
    list.push_back(c);
    EXPECT_EQ(numbers(list), (std::vector{3}));
}

TEST(ListTest, a_member_that_dies_leaves) {
    List<Member> list;
    Member a(1), c(3);
    list.push_back(a);
    {
        Member b(2);
        list.push_back(b);
        list.push_back(c);
    }
    EXPECT_EQ(numbers(list), (std::vector{1, 3}));
}

TEST(ListTest, a_list_that_dies_lets_its_members_go) {
    Member a(1), b(2);
    {
        List<Member> list;
        list.push_back(a);
        list.push_back(b);
    }
    EXPECT_FALSE(a.linked());
    EXPECT_FALSE(b.linked());
    List<Member> other;
    other.push_back(b);
    EXPECT_EQ(numbers(other), (std::vector{2}));
}

TEST(ListTest, splices_all_of_another_list_to_its_end) {
    List<Member> list, other;
    Member a(1), b(2), c(3), d(4);
    list.push_back(a);
    other.push_back(b);
    other.push_back(c);
    list.splice_back(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
    list.splice_back(other);
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
    other.push_back(d);
    EXPECT_EQ(numbers(other), (std::vector{4}));
    list.splice_back(other);
    c.unlink();
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 4}));

    List<Member> empty;
    empty.splice_back(list);
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(numbers(empty), (std::vector{1, 2, 4}));
}

TEST(ListTest, the_visited_member_may_leave_or_die) {
    List<Member> list;
    std::vector<std::unique_ptr<Member>> members;
    for (int i = 0; i < 10; i++) {
        members.push_back(std::make_unique<Member>(i));
        list.push_back(*members.back());
    }
    list.for_each([&](Member& member) {
        if (member.number % 3 == 0)
            members[static_cast<std::size_t>(member.number)].reset();
        else if (member.number % 3 == 1)
            member.unlink();
    });
    EXPECT_EQ(numbers(list), (std::vector{2, 5, 8}));
}

}  // namespace
}  // namespace neosocksd
