// What the conversations of a scene happen in: the proxy's workers, and the sockets and servers
// around them.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/session/client.h"
#include "fuzz/session/name_server.h"
#include "fuzz/session/plan.h"
#include "fuzz/session/rules.h"
#include "proxy/access_log.h"
#include "proxy/worker.h"

namespace neosocksd::fuzz {

class World {
public:
    explicit World(const ScenePlan& plan);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    // One turn of each loop; they may wait for a moment if `idle`.
    void turn(bool idle);
    // Ends all sessions.
    void kill();
    // The workers end; to be turned until stopped().
    void stop();
    bool stopping() const { return stopping_; }
    bool stopped() const { return stopping_ && done_ == plan_.workers; }
    bool has_sessions() const {
        return shared_->admission.half_open() + shared_->admission.sessions() > 0;
    }
    // After the end: see scene.h. `received` by the peers of relays, up and down.
    void check(std::uint64_t received_up, std::uint64_t received_down);

    const Places& places(unsigned worker) const { return places_[worker]; }
    int far_listener() const { return far_listener_; }
    std::uint64_t established() const;

private:
    void configure();
    void open_sockets(unsigned worker);

    const ScenePlan& plan_;
    int far_listener_;
    int datagram_echo_;
    NameServer names_;
    std::unique_ptr<proxy::Shared> shared_;
    std::shared_ptr<proxy::AccessLog> access_log_;
    std::vector<std::vector<proxy::ListeningSocket>> sockets_;  // by worker
    std::vector<Places> places_;
    std::optional<io::Loop> control_;  // with two workers; else the worker's own
    std::vector<std::unique_ptr<proxy::Worker>> workers_;
    std::optional<SceneRules> rules_;
    std::shared_ptr<proxy::SessionWalk> walk_;
    bool stopping_ = false;
    unsigned done_ = 0;
};

}  // namespace neosocksd::fuzz
