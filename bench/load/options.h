// What the load generator is asked to do. Filled from the command line by proxybench.cc.

#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <string>

#include "bulk_source.h"

namespace neosocksd::bench {

enum class Mode {
    cps,   // sessions: connect, handshake, one byte each way, close
    rr,    // round trips through tunnels that stay
    up,    // bytes to the backend
    down,  // bytes from the backend
    idle,  // tunnels that do nothing
};

struct LoadOptions {
    std::string proxy = "direct://";
    std::string label;
    sockaddr_in target{};     // the backend
    std::string target_host;  // if not empty, asked for by this name instead
    Mode mode = Mode::cps;
    std::string mode_name = "cps";
    int connections = 64;
    int threads = 1;
    int setup_parallel = 64;  // handshakes at a time while tunnels are being made
    double duration_s = 3, warmup_s = 1, setup_timeout_s = 60, operation_timeout_s = 10;
    double rate = 0;   // sessions or round trips a second, of all connections; 0: as many as go
    size_t size = 64;  // bytes of a round trip, or of a bulk call
    int proxy_pid = 0, backend_pid = 0;
    bool close_by_eof = false;  // cps: wait for the far end's close instead of resetting
    bool discard = true;        // down: swallow without copying
    BulkSource source = BulkSource::copy;
    bool spread = true;  // many source addresses, so that client ports never run out
};

}  // namespace neosocksd::bench
