// What protocols and commands are called where they are shown: to rules, by the API, in the access
// log.

#pragma once

#include "proto/request.h"
#include "proxy/config.h"

namespace neosocksd::proxy {

// A protocol that clients speak, or the service that does without one; empty while it is not known.
constexpr const char* protocol_name(proto::Protocol protocol, Service service) {
    switch (protocol) {
    case proto::Protocol::none: break;
    case proto::Protocol::socks4: return "socks4";
    case proto::Protocol::socks4a: return "socks4a";
    case proto::Protocol::socks5: return "socks5";
    case proto::Protocol::http: return "http";
    }
    switch (service) {
    case Service::forward: return "forward";
    case Service::tproxy: return "tproxy";
    case Service::redirect: return "redirect";
    default: return "";
    }
}

constexpr const char* command_name(proto::Command command) {
    switch (command) {
    case proto::Command::connect: break;
    case proto::Command::bind: return "bind";
    case proto::Command::udp_associate: return "udp_associate";
    case proto::Command::http_forward: return "http_forward";
    }
    return "connect";
}

}  // namespace neosocksd::proxy
