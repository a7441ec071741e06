// A wilful name server: it answers, lies, stutters or says nothing. On the scene's own thread.

#pragma once

#include <string>

#include "fuzz/session/dice.h"

namespace neosocksd::fuzz {

class NameServer {
public:
    explicit NameServer(std::uint64_t seed);
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;
    ~NameServer();

    std::string address() const;
    bool step();

private:
    std::string answer(const std::string& query);

    Dice dice_;
    int fd_;
};

}  // namespace neosocksd::fuzz
