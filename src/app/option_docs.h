// Documents made from the option table: the man page, docs/options.md and the completions of three
// shells. `neosocksd --help-as FORMAT` prints them, so that no two of them can disagree.

#pragma once

#include <string>
#include <string_view>

namespace neosocksd::app {

// In the order of the functions that make them: "man", "markdown", "bash", "zsh", "fish".
inline constexpr std::string_view kDocumentFormats[] = {"man", "markdown", "bash", "zsh", "fish"};

// Empty for a format that is not among kDocumentFormats.
std::string option_document(std::string_view format);

}  // namespace neosocksd::app
