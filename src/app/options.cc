// The loop over the arguments. Names match exactly: there is no `--name=value`, no bundling and no
// abbreviation, because 1.4.2 has none and gives every such argument a meaning of its own (an
// error, or the value of the option before it). Tested by options_test.cc.

#include "app/options.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "app/help.h"
#include "app/option_docs.h"
#include "app/option_hint.h"
#include "app/option_table.h"

namespace neosocksd::app {
namespace {

ParseResult refuse(std::string text) {
    return std::vector<Message>{{.level = log::Level::fatal, .text = std::move(text)}};
}

ParseResult refuse_unknown(std::string_view argument, std::string_view program) {
    std::string text = fmt::format("unknown argument: `{}', try \"{} --help\" for more information",
                                   argument, program);
    const std::string_view meant = nearest_option(argument);
    if (!meant.empty()) text += fmt::format(" (did you mean `{}'?)", meant);
    return refuse(std::move(text));
}

ParseResult refuse_value(const OptionSpec& spec, std::string_view name, Value value) {
    std::string text = fmt::format("argument error: {} `{}'", name, value.value_or(""));
    const std::string allowed = spec.allowed_values();
    if (!allowed.empty()) text += fmt::format(" ({})", allowed);
    return refuse(std::move(text));
}

// 1.4.2 exits with 1 here, does not look at what follows, and scripts may have come to expect it.
ParseResult show_help(std::string_view program, std::string_view next) {
    const auto topic = find_topic(next);
    return Answer{.status = 1,
                  .to_standard_error = true,
                  .text = topic ? topic_text(*topic) : usage_text(program)};
}

}  // namespace

ParseResult parse(int argc, const char* const* argv) {
    const std::string_view program = argc > 0 ? argv[0] : "neosocksd";
    Options options;
    for (int i = 1; i < argc; i++) {
        const std::string_view name = argv[i];
        if (name == "--") break;
        const OptionSpec* spec = find_option(name);
        if (!spec) return refuse_unknown(name, program);
        switch (spec->effect) {
        case Effect::show_help: return show_help(program, i + 1 < argc ? argv[i + 1] : "");
        case Effect::show_version:
            return Answer{.status = 0, .to_standard_error = false, .text = version_text()};
        case Effect::show_document:
        case Effect::set: break;
        }
        Value value;
        if (spec->takes_argument()) {
            if (i + 1 < argc) {
                const std::string_view next = argv[i + 1];
                if (!spec->argument_optional || !next.starts_with('-')) {
                    value = next;
                    i++;
                }
            } else if (!spec->argument_optional) {
                return refuse(fmt::format("option `{}' requires an argument", name));
            }
        }
        if (spec->effect == Effect::show_document) {
            std::string text = option_document(*value);
            if (text.empty()) return refuse_value(*spec, name, value);
            return Answer{.status = 0, .to_standard_error = false, .text = std::move(text)};
        }
        if (!spec->apply(options, value)) return refuse_value(*spec, name, value);
    }
    return options;
}

}  // namespace neosocksd::app
