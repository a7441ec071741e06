// What a script has written while it decided about one request: its lines go here, not to the
// output, when somebody asks what the rules would do (GET /ruleset/explain). Bounded, as is
// everything that a script may do again and again.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace neosocksd::ruleset {

class Transcript {
public:
    // Text of one line or several; the end of the last one may be missing.
    void add(std::string_view text) {
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            add_line(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    const std::vector<std::string>& lines() const { return lines_; }
    // Lines that found no room.
    std::size_t lost() const { return lost_; }

private:
    void add_line(std::string_view line) {
        if (lines_.size() >= limits::kTranscriptLines) {
            lost_++;
            return;
        }
        lines_.emplace_back(line.substr(0, limits::kLogLineBytes));
    }

    std::vector<std::string> lines_;
    std::size_t lost_ = 0;
};

}  // namespace neosocksd::ruleset
