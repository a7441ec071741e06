// A table of plain text: a line of titles, then a line for each row, columns aligned.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/text.h"

namespace neosocksd::ctl {

struct Column {
    std::string_view title;
    bool right = false;  // numbers
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // As many cells as columns. They are made printable here.
    void add(std::vector<std::string> cells);
    std::size_t rows() const { return rows_.size(); }

    // Lines without their ends, the titles first. Columns in which every cell is empty are left
    // out. Lines are cut to `width` columns of the terminal; 0: they may be of any length.
    std::vector<std::string> lines(const Style& style, std::size_t width = 0) const;
    std::string text(const Style& style) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace neosocksd::ctl
