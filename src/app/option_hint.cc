// Edit distance against every long name of the table. Tested by option_table_test.cc.

#include "app/option_hint.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "app/option_table.h"

namespace neosocksd::app {
namespace {

constexpr std::size_t kFarthest = 2;

// Levenshtein's, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); i++) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); j++) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string_view nearest_option(std::string_view argument) {
    const std::string_view typed = argument.substr(0, argument.find('='));
    const std::size_t dashes = std::min(typed.find_first_not_of('-'), typed.size());
    const std::size_t letters = typed.size() - dashes;
    std::string_view nearest;
    std::size_t nearest_distance = kFarthest + 1;
    for (const OptionSpec& spec : option_table()) {
        for (const std::string_view name : {spec.long_name, spec.alias}) {
            // Spares the work for arguments of any length, too: they cannot be near.
            // By value: of two arguments std::minmax would return references to temporaries.
            const auto [shorter, longer] = std::minmax({typed.size(), name.size()});
            if (name.empty() || longer - shorter > kFarthest) continue;
            const std::size_t distance = edit_distance(typed, name);
            if (distance >= nearest_distance || distance >= letters) continue;
            nearest = name;
            nearest_distance = distance;
        }
    }
    return nearest;
}

}  // namespace neosocksd::app
