// Text for a terminal: what a server says may hold names that its clients have chosen, and those
// must neither move the cursor nor break a table.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neosocksd::ctl {

// Control characters become "?", bytes that are no UTF-8 U+FFFD. Tabs and line ends stay if
// `lines` says that there may be some.
std::string printable(std::string_view text, bool lines = false);

// Columns that printable text takes: its characters. Wide ones count once; a table is then a little
// off, and nothing worse.
std::size_t columns_of(std::string_view text);
// At most that many of its characters; the last one is then "~".
std::string cut_to(std::string_view text, std::size_t columns);

// Escape sequences around a text, or nothing where colours are off.
class Style {
public:
    explicit Style(bool colours) : colours_(colours) {}
    // For a descriptor: on a terminal that can, unless NO_COLOR is set (and not empty).
    static Style of(int fd);

    bool colours() const { return colours_; }
    std::string bold(std::string_view text) const { return wrap("1", text); }
    std::string inverse(std::string_view text) const { return wrap("7", text); }
    std::string red(std::string_view text) const { return wrap("31", text); }
    std::string green(std::string_view text) const { return wrap("32", text); }

private:
    std::string wrap(std::string_view code, std::string_view text) const;

    bool colours_;
};

}  // namespace neosocksd::ctl
