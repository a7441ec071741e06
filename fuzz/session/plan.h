// What a scene and its conversations are: drawn from the seed before anything runs, so that the
// seed repeats it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/session/wire.h"
#include "io/loop.h"
#include "net/relay_context.h"
#include "proto/proxy_url.h"

namespace neosocksd::fuzz {

// How a client asks.
enum class Ask : std::uint8_t { socks4a, socks5, http, bind, datagrams, plain_http, forward };

// What its target is, or what the rules make of it. The first five need no rules.
enum class Aim : std::uint8_t {
    direct,
    closed,   // a port on which nobody listens
    own,      // the proxy itself
    unknown,  // a name that nobody has
    dns,      // a name that the (wilful) name server knows
    reject,   // the rules say no
    error,    // ... fail
    slow,     // ... think first
    chained,  // ... route through two hops
    forward,  // ... dial by await.forward, twice
};

struct Plan {
    unsigned id = 0;  // 1 to 250
    Ask ask = Ask::socks5;
    Aim aim = Aim::direct;
    bool literal = false;      // an address, not a name
    bool credentials = false;  // the client has some
    bool eager = false;        // its stream begins before the reply
    bool announced = false;    // by a PROXY header
    bool behind_hops = false;  // whose manners are drawn when they are dialled
    unsigned worker = 0;       // whose listener it connects to
    unsigned start_turn = 0;
    std::uint64_t up = 0;  // bytes of the client's stream
    std::uint64_t down = 0;
    Manner client;
    Manner far;
    std::uint64_t seed = 0;

    std::uint64_t up_seed() const { return seed * 2; }
    std::uint64_t down_seed() const { return seed * 2 + 1; }
    // "chained17.test": the rules read it.
    std::string name() const;
};

struct ScenePlan {
    std::uint64_t seed = 0;
    io::EngineChoice engine = io::EngineChoice::epoll;
    net::RelayMode relay = net::RelayMode::adaptive;
    unsigned workers = 1;
    bool rules = false;
    bool auth = false;
    bool access_log = false;
    bool protocol_timeout = false;
    unsigned proxy_header = 0;  // 0: none, 1, 2: the version
    std::vector<proto::ProxyUrl::Scheme> chain;
    io::Duration timeout{};
    unsigned max_sessions = 0;
    unsigned kill_turn = 0;  // 0: never
    unsigned stop_turn = 0;
    io::Duration drain{};
    // Bits flip on the way: nothing is said about what arrives where.
    bool corrupting = false;
    std::vector<Plan> sessions;

    // Whether sessions may be ended by others than their peers.
    bool interrupted() const {
        return kill_turn > 0 || stop_turn > 0 || protocol_timeout || max_sessions > 0;
    }
};

inline constexpr unsigned kSessionsMax = 40;

ScenePlan draw_scene(std::uint64_t seed);
std::string describe(const ScenePlan& plan);

}  // namespace neosocksd::fuzz
