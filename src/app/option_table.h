// The table of all command line options, one row each.
//
// Everything that speaks of options reads this table: the parser, its error messages, the usage
// text, and the generators of the man page, the shell completions and docs/options.md. To add an
// option, add a field to Options (options.h), a row here and a row to option_table_test.cc.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/option_topic.h"
#include "app/options.h"

namespace neosocksd::app {

enum class Effect { set, show_help, show_version, show_document };

// Absent for a flag and for an optional argument that was left out.
using Value = std::optional<std::string_view>;

struct OptionSpec {
    std::string_view short_name = {};  // with its dash; empty if there is none
    std::string_view long_name = {};   // with its dashes; empty if there is none
    std::string_view alias = {};       // another long name, kept for compatibility
    std::string_view argument = {};    // placeholder such as "SECONDS"; empty: a flag
    bool argument_optional = false;    // taken only if it does not start with '-'
    Topic topic = Topic::information;
    std::string_view help = {};                    // a sentence without its full stop
    std::string_view allowed = {};                 // "5-86400"; empty: `words`, or any text
    std::string_view default_text = {};            // empty: off, unset
    std::span<const std::string_view> words = {};  // values to choose from
    Effect effect = Effect::set;
    // False if the value cannot be read; the options are then as before. Null unless Effect::set.
    bool (*apply)(Options& options, Value value) = nullptr;

    bool takes_argument() const { return !argument.empty(); }
    // The names that exist: short, long, alias.
    std::vector<std::string_view> names() const;
    // `allowed`, or the words separated by commas; empty if any text will do.
    std::string allowed_values() const;
};

// Ordered by topic.
std::span<const OptionSpec> option_table();

// By any of its names, exactly; null if there is none.
const OptionSpec* find_option(std::string_view name);

}  // namespace neosocksd::app
