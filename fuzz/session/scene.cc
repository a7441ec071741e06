// Plays a scene turn by turn, and compares what both ends of each conversation have seen.

#include "fuzz/session/scene.h"

#include <chrono>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "fuzz/session/client.h"
#include "fuzz/session/far.h"
#include "fuzz/session/sockets.h"
#include "fuzz/session/stream.h"
#include "fuzz/session/world.h"
#include "net/descriptors_fixture.h"

namespace neosocksd::fuzz {
namespace {

// A scene takes a fraction of a second; this much means that something never ends.
constexpr std::chrono::seconds kSceneBound{120};

class Scene {
public:
    explicit Scene(const ScenePlan& plan) : plan_(plan), world_(plan), dice_(plan.seed) {}

    SceneResult run() {
        // Clients keep references to their plans, and all of them exist from the start.
        for (const Plan& session : plan_.sessions)
            clients_.push_back(std::make_unique<Client>(session, world_.places(session.worker),
                                                        !plan_.corrupting));
        const auto bound = io::Clock::now() + kSceneBound;
        for (unsigned turn = 0; !over(turn); turn++) {
            if (turn == plan_.kill_turn && turn > 0) world_.kill();
            if (turn == plan_.stop_turn && turn > 0) world_.stop();
            const bool moved = step(turn);
            world_.turn(!moved);
            if (io::Clock::now() > bound) complain();
        }
        if (!world_.stopping()) world_.stop();
        while (!world_.stopped()) {
            world_.turn(true);
            if (io::Clock::now() > bound) complain();
        }
        check_streams();
        world_.check(received_up_, received_down_);
        return {clients_.size(), world_.established(), received_up_ + received_down_};
    }

private:
    bool over(unsigned turn) const {
        if (turn < last_start() || world_.has_sessions()) return false;
        if (world_.stopping() && !world_.stopped()) return false;
        for (const auto& client : clients_)
            if (!client->over()) return false;
        for (const auto& far : fars_)
            if (!far->over()) return false;
        return true;
    }
    unsigned last_start() const {
        unsigned last = 0;
        for (const Plan& session : plan_.sessions) last = std::max(last, session.start_turn);
        return last + 1;
    }

    bool step(unsigned turn) {
        bool moved = false;
        for (const auto& client : clients_) {
            if (turn < client->plan().start_turn) continue;
            moved |= client->step();
            if (const auto bound = client->take_bound()) dial_back(*bound, client->plan());
        }
        moved |= accept();
        for (const auto& far : fars_) moved |= far->step();
        return moved || turn <= last_start();
    }

    bool accept() {
        const int fd = accept_one(world_.far_listener());
        if (fd < 0) return false;
        const auto local = io::local_endpoint(fd);
        if (!local) {
            ::close(fd);  // gone already
            return true;
        }
        const auto octets = local->ip.octets();
        const auto number = static_cast<unsigned char>(octets[3]);
        // 127.3.0.2 is the first of two hops, 127.1.0.17 a target.
        add_far(fd, octets[1] == 3 ? number : 0, octets[1] == 3 ? nullptr : find(number));
        return true;
    }
    // Of BIND: the target connects to the proxy.
    void dial_back(const Endpoint& where, const Plan& plan) {
        const int fd = connect_to(where, loopback(1, 0, plan.id), plan.far.buffers);
        if (fd >= 0) add_far(fd, 0, &plan);
    }
    void add_far(int fd, unsigned hops, const Plan* plan) {
        fars_.push_back(std::make_unique<Far>(
            fd, hops, plan, [this](unsigned id) { return find(id); }, plan_, dice_.fork()));
    }
    const Plan* find(unsigned id) const {
        return id > 0 && id <= plan_.sessions.size() ? &plan_.sessions[id - 1] : nullptr;
    }

    void check_streams() {
        for (const auto& far : fars_) received_up_ += far->received();
        for (const auto& client : clients_) {
            if (client->plan().ask != Ask::datagrams) received_down_ += client->received();
            if (plan_.corrupting || !client->established()) continue;
            const Far* far = only_far(client->plan());
            if (far) check_pair(*client, *far);
        }
    }
    // nullptr: there are none, or several, of which one was relayed to.
    const Far* only_far(const Plan& plan) const {
        const Far* found = nullptr;
        for (const auto& far : fars_) {
            if (far->plan() != &plan) continue;
            if (found) return nullptr;
            found = far.get();
        }
        return found;
    }
    void check_pair(const Client& client, const Far& far) const {
        const Plan& plan = client.plan();
        if (plan_.interrupted() || plan.ask == Ask::datagrams || plan.ask == Ask::plain_http)
            return;
        // A forward's client is "established" from the start, whatever came of it.
        if (plan.ask == Ask::forward && (far.received() == 0 || client.received() == 0)) return;
        check_one(plan, "target", far.clean_end(), far.received(), client.sent_all(), plan.up,
                  client.reset());
        check_one(plan, "client", client.clean_end(), client.received(), far.sent_all(), plan.down,
                  far.reset());
    }
    static void check_one(const Plan& plan, const char* who, bool clean, std::uint64_t received,
                          bool sent_all, std::uint64_t sent, bool reset) {
        if (!clean) return;
        if (sent_all && received != sent)
            fail(fmt::format("session {}: the {} saw a clean end after {} of {} bytes", plan.id,
                             who, received, sent));
        if (reset && !sent_all)
            fail(fmt::format("session {}: the {} saw a clean end where a reset was", plan.id, who));
    }

    [[noreturn]] void complain() const {
        std::string who;
        for (const auto& client : clients_)
            if (!client->over()) who += fmt::format(" client {}", client->plan().id);
        for (const auto& far : fars_)
            if (!far->over())
                who += fmt::format(" far end of {}", far->plan() ? far->plan()->id : 0);
        fail("the scene does not end; left:" + who +
             (world_.has_sessions() ? " and sessions" : ""));
    }

    const ScenePlan& plan_;
    World world_;
    Dice dice_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Far>> fars_;
    std::uint64_t received_up_ = 0;
    std::uint64_t received_down_ = 0;
};

}  // namespace

SceneResult run_scene(const ScenePlan& plan) {
    const std::size_t descriptors = net::open_descriptors();
    const SceneResult result = Scene(plan).run();
    const std::size_t left = net::open_descriptors();
    if (left != descriptors)
        fail(fmt::format("{} descriptors before, {} after", descriptors, left));
    return result;
}

}  // namespace neosocksd::fuzz
