// Bytes that arrived but were not consumed yet. While a peer sends whole messages, the usual case,
// nothing is copied or allocated here.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neosocksd::proto {

class Pending {
public:
    // Everything unconsumed, the new bytes last. Valid until `consume`.
    std::string_view with(std::string_view bytes) {
        if (kept_.empty()) return bytes;
        kept_ += bytes;
        return kept_;
    }

    // Ends what `with` began: `view` is what it returned.
    void consume(std::string_view view, std::size_t count) {
        if (kept_.empty()) {
            kept_ = view.substr(count);
        } else {
            kept_.erase(0, count);
        }
    }

    void append(std::string_view bytes) { kept_ += bytes; }
    void clear() { kept_ = {}; }
    std::string& bytes() { return kept_; }

private:
    std::string kept_;
};

}  // namespace neosocksd::proto
