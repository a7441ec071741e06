// The seam between UpstreamMachine and the machines of the single protocols, like step.h for the
// server's side: a machine is shown the unconsumed bytes and holds only its place and the messages
// it will send.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "proto/reply.h"

namespace neosocksd::proto {

enum class UpstreamNext : std::uint8_t { need_bytes, established, failed };

// In which way a hop failed us.
enum class UpstreamFault : std::uint8_t {
    protocol,        // it said what makes no sense, or cannot be asked in its protocol
    authentication,  // it does not accept our credentials, or wants some
    refused,         // a proper answer: no
    closed,          // it left during the handshake
};

struct UpstreamStep {
    UpstreamNext next = UpstreamNext::need_bytes;
    std::size_t consumed = 0;
};

struct UpstreamExchange {
    std::string& output;
    std::string& failure;
    Reply& reply;
    UpstreamFault& fault;

    UpstreamStep fail(UpstreamFault kind, Reply code, std::string why) {
        fault = kind;
        reply = code;
        failure = std::move(why);
        return {UpstreamNext::failed, 0};
    }
};

}  // namespace neosocksd::proto
