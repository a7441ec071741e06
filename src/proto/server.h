// The server's side of every protocol: one ServerMachine for an accepted connection. It recognises
// the protocol by the first byte and turns bytes into a Request.
//
//   auto next = machine.feed(bytes);
//   send(machine.output()); machine.output().clear();
//   if (next == Next::request) dial(machine.request()), later reply and relay machine.surplus()
//   if (next == Next::refuse)  log(machine.failure()), close
//
// The result does not depend on how the bytes are cut into segments.

#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "proto/http_page.h"
#include "proto/http_server.h"
#include "proto/pending.h"
#include "proto/request.h"
#include "proto/socks4_server.h"
#include "proto/socks5_server.h"
#include "proto/step.h"

namespace neosocksd::proto {

class ServerMachine {
public:
    explicit ServerMachine(const ServerOptions& options) : options_(options) {}

    // Bytes after the request may still be fed: they join surplus(). Bytes after a refusal are
    // ignored.
    Next feed(std::string_view bytes);

    // Bytes to send now. May be non-empty after every feed(); the caller sends and clears it.
    std::string& output() { return output_; }
    // Valid after Next::request.
    const Request& request() const { return request_; }
    Request& request() { return request_; }
    // After Next::request: what the client sent behind it, which belongs to the target.
    std::string& surplus() { return pending_.bytes(); }
    // After Next::refuse: why, for the log.
    const std::string& failure() const { return failure_; }

    // Protocol::none until the first byte.
    Protocol protocol() const { return request_.protocol; }
    bool started() const { return started_; }

private:
    void detect(unsigned char first);

    ServerOptions options_;
    bool started_ = false;
    Next next_ = Next::need_bytes;
    std::variant<std::monostate, Socks4Server, Socks5Server, HttpServer> machine_;
    Pending pending_;
    std::string output_;
    std::string failure_;
    Request request_;
};

}  // namespace neosocksd::proto
