// What options are about: the sections of the usage text and of the documents.

#pragma once

#include <optional>
#include <string_view>

namespace neosocksd::app {

enum class Topic {
    listening,
    outgoing,
    relaying,
    rules,
    api,
    limits,
    process,
    logging,
    information
};

// The words for them that --help takes, in their order.
inline constexpr std::string_view kTopics[] = {"listening", "outgoing", "relaying",
                                               "rules",     "api",      "limits",
                                               "process",   "logging",  "information"};

// By its word; nothing if there is none such.
std::optional<Topic> find_topic(std::string_view word);
// Of the headings in the usage text and the documentation.
std::string_view topic_title(Topic topic);

}  // namespace neosocksd::app
