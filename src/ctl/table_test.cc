#include "ctl/table.h"

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

TEST(CtlTable, aligns_texts_left_and_numbers_right) {
    Table table({{"ID", true}, {"NAME"}, {"AGE", true}, {"TARGET"}});
    table.add({"1", "anna", "22.4µs", "a"});
    table.add({"1234", "b", "3", "longer"});
    EXPECT_EQ(table.text(Style(false)),
              "  ID  NAME     AGE  TARGET\n"
              "   1  anna  22.4µs  a\n"
              "1234  b          3  longer\n");
}

TEST(CtlTable, leaves_empty_columns_out_but_shows_all_titles_without_rows) {
    Table table({{"ID", true}, {"USER"}, {"TARGET"}});
    EXPECT_EQ(table.text(Style(false)), "ID  USER  TARGET\n");
    table.add({"1", "", "x"});
    EXPECT_EQ(table.text(Style(false)), "ID  TARGET\n 1  x\n");
}

TEST(CtlTable, makes_cells_printable) {
    Table table({{"USER"}});
    table.add({"\033]0;x\a\n"});
    EXPECT_EQ(table.text(Style(false)), "USER\n?]0;x??\n");
}

TEST(CtlTable, cuts_lines_before_it_colours_them) {
    Table table({{"LONG TITLE"}});
    table.add({"0123456789"});
    EXPECT_EQ(table.lines(Style(true), 5),
              (std::vector<std::string>{"\033[1mLONG~\033[0m", "0123~"}));
}

}  // namespace
}  // namespace neosocksd::ctl
