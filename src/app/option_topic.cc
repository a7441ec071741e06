// Tested by help_test.cc.

#include "app/option_topic.h"

#include "app/option_values.h"

namespace neosocksd::app {

std::optional<Topic> find_topic(std::string_view word) {
    const auto index = find_word(kTopics, word);
    if (!index) return std::nullopt;
    return static_cast<Topic>(*index);
}

std::string_view topic_title(Topic topic) {
    switch (topic) {
    case Topic::listening: return "listening";
    case Topic::outgoing: return "outgoing connections";
    case Topic::relaying: return "relaying and threads";
    case Topic::rules: return "rules";
    case Topic::api: return "REST API";
    case Topic::limits: return "time-outs and limits";
    case Topic::process: return "process";
    case Topic::logging: return "logging";
    case Topic::information: return "information";
    }
    return {};
}

}  // namespace neosocksd::app
