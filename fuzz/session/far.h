// The other end of what the proxy dials: the hops of a chain, one after another, and the target.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fuzz/session/http_talk.h"
#include "fuzz/session/plan.h"
#include "fuzz/session/stream.h"
#include "fuzz/session/wire.h"
#include "proto/server.h"

namespace neosocksd::fuzz {

class Far {
public:
    // Whose conversation this is, by the number that its target has; nullptr: nobody's.
    using Find = std::function<const Plan*(unsigned id)>;

    // `hops` to play before the target. Without any, `plan` is known at once.
    Far(int fd, unsigned hops, const Plan* plan, Find find, const ScenePlan& scene,
        std::uint64_t seed);

    bool step();
    bool over() const { return !wire_; }

    // nullptr: it never came to speak as a target.
    const Plan* plan() const { return hops_ == 0 ? plan_ : nullptr; }
    bool sent_all() const { return sent_all_; }
    bool reset() const { return reset_; }
    bool clean_end() const { return clean_end_; }
    std::uint64_t received() const { return traffic_ ? traffic_->received() : 0; }
    std::uint64_t to_send() const { return traffic_ ? traffic_->to_send() : 0; }

private:
    bool play_hop();
    bool read_proxy_header();
    void talk();
    void leave();

    std::unique_ptr<Wire> wire_;
    unsigned hops_;
    const Plan* plan_;
    Find find_;
    const ScenePlan& scene_;
    Dice dice_;
    std::string in_;
    std::optional<proto::ServerMachine> machine_;
    bool header_read_ = false;
    bool refused_ = false;
    std::optional<Traffic> traffic_;
    std::optional<HttpAnswerer> http_;
    bool sent_all_ = false;
    bool reset_ = false;
    bool clean_end_ = false;
};

}  // namespace neosocksd::fuzz
