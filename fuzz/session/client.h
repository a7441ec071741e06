// The client's end of one conversation: it asks by one of the protocols, then streams, or sends
// datagrams, or further HTTP requests, and leaves.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/address.h"
#include "fuzz/session/http_talk.h"
#include "fuzz/session/plan.h"
#include "fuzz/session/stream.h"
#include "fuzz/session/wire.h"
#include "proto/upstream.h"

namespace neosocksd::fuzz {

// Where things are in this scene.
struct Places {
    std::uint16_t proxy_port = 0;  // of the client's worker
    std::uint16_t forward_port = 0;
    std::uint16_t far_port = 0;
    std::uint16_t datagram_port = 0;
};

class Client {
public:
    Client(const Plan& plan, const Places& places, bool check);

    // False: nothing happened.
    bool step();
    bool over() const { return begun_ && !wire_; }

    const Plan& plan() const { return plan_; }
    // It was told that its target is reached.
    bool established() const { return established_; }
    // How it ended: to be asked when it is over.
    bool sent_all() const { return sent_all_; }
    bool reset() const { return reset_; }
    bool clean_end() const { return clean_end_; }
    std::uint64_t received() const { return traffic_.received(); }

    // BIND: where the far end shall connect to, once.
    std::optional<Endpoint> take_bound();

private:
    void begin();
    HostPort target() const;
    bool shake_hands();
    void established_now();
    void talk();
    void send_datagrams();
    void leave();

    const Plan& plan_;
    const Places& places_;
    bool check_;
    bool begun_ = false;
    std::unique_ptr<Wire> wire_;
    std::string in_;
    std::optional<proto::UpstreamMachine> machine_;
    bool second_reply_ = false;
    bool established_ = false;
    bool failed_ = false;
    Traffic traffic_;
    std::optional<HttpAsker> http_;
    std::optional<Endpoint> bound_;
    int datagrams_ = -1;
    unsigned datagrams_left_ = 0;
    bool sent_all_ = false;
    bool reset_ = false;
    bool clean_end_ = false;
};

}  // namespace neosocksd::fuzz
