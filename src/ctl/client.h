// Asks the API one request after another, each on a connection of its own, and waits for it.
//
// Blocking, with a deadline: there is nothing else to do meanwhile. Only `top` has; what it wants
// to hear at once (keys, signals) are descriptors that cut a wait short.

#pragma once

#include <chrono>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "ctl/answer_reader.h"

namespace neosocksd::ctl {

struct Request {
    std::string_view method = "GET";
    std::string target;
    // POST has a body, even if it is an empty one.
    std::string body = {};
    std::string_view content_type = {};
    std::string_view accept = {};
};

// No answer, and why, in full sentences; with no text at all: cut short by a descriptor.
struct NoAnswer {
    std::string text;
};

// The bytes of a request. `host` as the field of that name; `token` may be empty.
std::string to_bytes(const Request& request, std::string_view host, std::string_view token);

class Client {
public:
    using Clock = std::chrono::steady_clock;

    // `address` as --api has it: "HOST:PORT", ":PORT" on this host, "unix:/PATH", or a URL.
    Client(std::string address, std::string token, Clock::duration timeout);

    std::expected<Answer, NoAnswer> ask(const Request& request,
                                        std::span<const int> cut_short = {});

    const std::string& address() const { return address_; }

private:
    struct Connection;

    std::expected<Descriptor, NoAnswer> connect(Connection& connection);
    std::expected<Answer, NoAnswer> exchange(Connection& connection, const std::string& bytes);

    std::string address_;
    std::string token_;
    Clock::duration timeout_;
};

// "?a=1&b=2" of names and values, percent-encoded; empty values are left out.
std::string query_of(std::initializer_list<std::pair<std::string_view, std::string_view>> values);
std::string percent_encoded(std::string_view text);

}  // namespace neosocksd::ctl
