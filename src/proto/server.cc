// Detection of the protocol, and the hand-over of bytes to its machine.

#include "proto/server.h"

#include <fmt/format.h>

namespace neosocksd::proto {

namespace {

bool is_letter(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

Next ServerMachine::feed(std::string_view bytes) {
    if (next_ == Next::request) pending_.append(bytes);
    if (next_ != Next::need_bytes || bytes.empty()) return next_;
    if (!started_) {
        started_ = true;
        detect(static_cast<unsigned char>(bytes.front()));
    }

    Exchange exchange{options_, request_, output_, failure_};
    const std::string_view input = pending_.with(bytes);
    Step step;
    if (auto* socks4 = std::get_if<Socks4Server>(&machine_)) {
        step = socks4->step(input, exchange);
    } else if (auto* socks5 = std::get_if<Socks5Server>(&machine_)) {
        step = socks5->step(input, exchange);
    } else if (auto* http = std::get_if<HttpServer>(&machine_)) {
        step = http->step(input, exchange);
    } else {
        step = exchange.refuse(fmt::format(
            "{}0x{:02x}",
            options_.http ? "unknown protocol: first byte " : "invalid SOCKS message: version=",
            static_cast<unsigned char>(bytes.front())));
    }

    next_ = step.next;
    if (next_ == Next::refuse) {
        pending_.clear();
    } else {
        pending_.consume(input, step.consumed);
    }
    return next_;
}

// On a mixed port HTTP must begin with a letter, as every method does. A port for HTTP alone owes
// everyone else an answer, so there the HTTP machine judges the first byte too.
void ServerMachine::detect(unsigned char first) {
    if (options_.http && (!options_.socks || is_letter(first))) {
        machine_.emplace<HttpServer>();
        request_.protocol = Protocol::http;
    } else if (options_.socks && first == 4) {
        machine_.emplace<Socks4Server>();
        request_.protocol = Protocol::socks4;
    } else if (options_.socks && first == 5) {
        machine_.emplace<Socks5Server>();
        request_.protocol = Protocol::socks5;
    }
}

}  // namespace neosocksd::proto
