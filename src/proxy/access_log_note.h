// What a session keeps for its line of the access log while it relays: one allocation of the
// very size, because there may be a hundred thousand idle ones; or none, if there is no log.
// Tested by access_log_note_test.cc.

#pragma once

#include <memory>

#include "proxy/access_log_line.h"

namespace neosocksd::proxy {

class AccessNote {
public:
    AccessNote() = default;  // empty
    AccessNote(const AccessFacts& facts, const AccessTexts& texts);

    explicit operator bool() const { return bytes_ != nullptr; }
    // Of a note that is not empty. Texts point into it.
    AccessFacts facts() const;
    AccessTexts texts() const;

private:
    // AccessFacts, then Sizes, then the texts.
    std::unique_ptr<char[]> bytes_;
};

}  // namespace neosocksd::proxy
