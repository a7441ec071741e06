// The texts of --help and --version, made from the option table.

#pragma once

#include <string>
#include <string_view>

#include "app/option_topic.h"

namespace neosocksd::app {

inline constexpr std::string_view kHomepage = "https://github.com/hexian000/neosocksd";

// Of this build, such as "2.0.0".
std::string_view version();

// "neosocksd VERSION", the homepage, the options by topic, examples. No line but that with the
// program's own name is wider than 100 columns. Ends in an empty line.
std::string usage_text(std::string_view program);
// The options of one topic, under its title.
std::string topic_text(Topic topic);

// "neosocksd VERSION" and a newline.
std::string version_text();

}  // namespace neosocksd::app
