// What --dump-config shows of options: not where the rules came from, and not the listeners, of
// which one may have two names.

#pragma once

#include <string_view>

#include "app/config_fields.h"

namespace neosocksd::fuzz {

inline ruleset::Fields shown_fields(const app::Options& options) {
    ruleset::Fields fields = app::config_fields(options);
    std::erase_if(fields, [](const auto& field) {
        const std::string_view name = field.first;
        return name == "api" || name == "ruleset" || name == "listen" || name == "http_listen";
    });
    return fields;
}

}  // namespace neosocksd::fuzz
