// What is drawn, and how often. Half of the peers behave; faults come early more often than late,
// because the steps of the set-up are few.

#include "fuzz/session/plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace neosocksd::fuzz {
namespace {

constexpr const char* kAims[] = {"direct", "closed", "own",  "unknown", "dns",
                                 "reject", "error",  "slow", "chained", "forward"};

std::uint64_t draw_size(Dice& dice, const Manner& sender, const Manner& reader) {
    if (dice.chance(10)) return 0;
    // Slow peers have little to say, or a scene would last for minutes.
    const std::size_t slice = std::min(sender.slice, reader.slice);
    if (slice < 10) return 1 + dice.pick(100);
    if (slice < 1000) return 1 + dice.pick(1000);
    if (sender.buffers > 0 || reader.buffers > 0 || dice.chance(60)) return 1 + dice.pick(3000);
    if (slice < 10000) return 1 + dice.pick(20'000);
    return 1 + dice.pick(dice.chance(80) ? 200'000 : 3'000'000);
}

Ask draw_ask(Dice& dice) {
    return dice.one_of({Ask::socks4a, Ask::socks5, Ask::socks5, Ask::http, Ask::http,
                        Ask::plain_http, Ask::plain_http, Ask::bind, Ask::datagrams});
}

Plan draw_session(Dice& dice, const ScenePlan& scene, unsigned id) {
    Plan plan;
    plan.id = id;
    plan.ask = id == 1 ? Ask::forward : draw_ask(dice);
    if (dice.chance(25)) plan.aim = static_cast<Aim>(dice.pick(5));
    if (scene.rules && dice.chance(70)) plan.aim = static_cast<Aim>(5 + dice.pick(5));
    plan.behind_hops = !scene.chain.empty() || plan.aim == Aim::chained;
    plan.literal = plan.aim == Aim::direct && dice.chance(50);
    plan.credentials = dice.chance(scene.auth ? 80 : 20);
    plan.eager = dice.chance(20);
    plan.announced = dice.chance(15);
    plan.worker = static_cast<unsigned>(dice.pick(scene.workers));
    plan.start_turn = static_cast<unsigned>(dice.pick(200));
    plan.client = draw_manner(dice, scene.corrupting);
    plan.far = draw_manner(dice, scene.corrupting);
    // A length that a flipped bit has made greater is waited for without end, as it should be.
    if (scene.corrupting) plan.client.patience = 1000;
    plan.up = draw_size(dice, plan.client, plan.far);
    plan.down = draw_size(dice, plan.far, plan.client);
    plan.seed = dice.fork();
    return plan;
}

}  // namespace

std::string Plan::name() const {
    return fmt::format("{}{}.test", kAims[static_cast<std::size_t>(aim)], id);
}

ScenePlan draw_scene(std::uint64_t seed) {
    Dice dice(seed);
    ScenePlan scene;
    scene.seed = seed;
    scene.engine = dice.one_of({io::EngineChoice::epoll, io::EngineChoice::uring});
    scene.relay =
        dice.one_of({net::RelayMode::adaptive, net::RelayMode::splice, net::RelayMode::copy});
    scene.workers = dice.chance(30) ? 2 : 1;
    scene.rules = dice.chance(40);
    scene.auth = dice.chance(20);
    scene.access_log = dice.chance(20);
    scene.protocol_timeout = dice.chance(10);
    scene.proxy_header = dice.one_of({0u, 0u, 1u, 2u});
    if (!scene.rules && dice.chance(50)) {
        using Scheme = proto::ProxyUrl::Scheme;
        for (std::uint64_t hops = 1 + dice.pick(3); hops > 0; hops--)
            scene.chain.push_back(dice.one_of({Scheme::http, Scheme::socks4a, Scheme::socks5}));
    }
    scene.timeout = std::chrono::milliseconds(60 + dice.pick(200));
    if (dice.chance(10)) scene.max_sessions = 1 + static_cast<unsigned>(dice.pick(10));
    if (dice.chance(20)) scene.kill_turn = 1 + static_cast<unsigned>(dice.pick(400));
    if (dice.chance(20)) scene.stop_turn = 1 + static_cast<unsigned>(dice.pick(400));
    if (dice.chance(50)) scene.drain = std::chrono::milliseconds(dice.pick(50));
    scene.corrupting = dice.chance(15);
    const auto sessions = static_cast<unsigned>(1 + dice.pick(kSessionsMax));
    for (unsigned id = 1; id <= sessions; id++)
        scene.sessions.push_back(draw_session(dice, scene, id));
    return scene;
}

std::string describe(const ScenePlan& plan) {
    return fmt::format(
        "seed {}: {} sessions, {}, relay {}, {} workers, {} hops{}{}{}{}{}{}{}", plan.seed,
        plan.sessions.size(), plan.engine == io::EngineChoice::epoll ? "epoll" : "uring",
        static_cast<int>(plan.relay), plan.workers, plan.chain.size(), plan.rules ? ", rules" : "",
        plan.auth ? ", auth" : "", plan.protocol_timeout ? ", protocol timeout" : "",
        plan.max_sessions > 0 ? ", limited" : "", plan.kill_turn > 0 ? ", kill" : "",
        plan.stop_turn > 0 ? ", stop" : "", plan.corrupting ? ", corrupting" : "");
}

}  // namespace neosocksd::fuzz
