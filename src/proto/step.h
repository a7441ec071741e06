// The seam between ServerMachine and the machines of the single protocols.
//
// A protocol's machine is shown all bytes that nobody has consumed yet, from the same first byte
// each time until it consumes something. It holds no bytes itself, only its place in the
// conversation, so that a waiting session costs as little as possible.

#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include "proto/request.h"

namespace neosocksd::proto {

inline std::time_t system_time() {
    return std::time(nullptr);
}

// socks and http together make a mixed port; http alone an HTTP listener.
struct ServerOptions {
    bool socks = true;
    bool http = false;
    bool auth_required = false;
    bool bind = false;
    bool udp_associate = false;
    // For listeners with rules: an HTTP target that is no "host:port" becomes a request with
    // target_valid == false instead of a 400, because a rule may know what to do with it.
    bool raw_target = false;
    // For the Date of error pages.
    std::time_t (*clock)() = system_time;
};

enum class Next : std::uint8_t {
    need_bytes,
    request,  // the request is complete, the client waits for the reply
    refuse,   // send what is in output(), which may be nothing, and close
};

// `consumed` bytes at the start of the input are done with.
struct Step {
    Next next = Next::need_bytes;
    std::size_t consumed = 0;
};

// What a protocol's machine may look at and write to.
struct Exchange {
    const ServerOptions& options;
    Request& request;
    std::string& output;
    std::string& failure;

    Step refuse(std::string why, std::string_view reply = {}) {
        failure = std::move(why);
        output += reply;
        return {Next::refuse, 0};
    }
};

}  // namespace neosocksd::proto
