// Tested by table_test.cc.

#include "ctl/table.h"

#include <algorithm>
#include <cassert>

namespace neosocksd::ctl {
namespace {

constexpr std::string_view kGap = "  ";

}  // namespace

void Table::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    for (std::string& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::vector<std::string> Table::lines(const Style& style, std::size_t width) const {
    std::vector<std::size_t> widths(columns_.size());
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < columns_.size(); i++) {
        for (const auto& row : rows_) widths[i] = std::max(widths[i], columns_of(row[i]));
        if (widths[i] == 0 && !rows_.empty()) continue;
        widths[i] = std::max(widths[i], columns_of(columns_[i].title));
        shown.push_back(i);
    }
    const auto line = [&](const auto& cell_of) {
        std::string text;
        for (const std::size_t i : shown) {
            const std::string_view cell = cell_of(i);
            const std::string blanks(widths[i] - columns_of(cell), ' ');
            if (i != shown.front()) text += kGap;
            if (columns_[i].right) text += blanks;
            text += cell;
            if (!columns_[i].right && i != shown.back()) text += blanks;
        }
        return width == 0 ? text : cut_to(text, width);
    };
    std::vector<std::string> result{
        style.bold(line([&](std::size_t i) { return columns_[i].title; }))};
    for (const auto& row : rows_)
        result.push_back(line([&](std::size_t i) -> std::string_view { return row[i]; }));
    return result;
}

std::string Table::text(const Style& style) const {
    std::string result;
    for (const std::string& line : lines(style)) result += line + '\n';
    return result;
}

}  // namespace neosocksd::ctl
