// The chains that the rules choose for some targets of an association. Each has an association of
// its own at its last hop, asked for when the first datagram is to go there, and kept until it is
// idle, makes room, or the hop leaves. Only what is to go there notices.
// Tested by udp_chains_test.cc and tests/e2e/test_udp_chains.py.

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "io/await.h"
#include "proxy/udp_association.h"

namespace neosocksd::proxy {

struct UdpAssociation::ChainHop {
    static constexpr std::string_view kMadeRoom = "made room";

    ChainHop(const Services& services, UdpChain path)
        : chain(std::move(path)), hop(services, *chain), life(services.loop) {}

    io::TimePoint last() const { return life.last; }
    void make_room() { life.finish(kMadeRoom); }
    // Keeps a datagram until the hop is there. False: too many are kept.
    bool hold(std::string header, std::string_view payload);

    struct Datagram {
        std::string header;
        std::string payload;
    };

    const UdpChain chain;
    UdpHop hop;
    UdpLife life;
    bool is_open = false;
    std::vector<Datagram> held;
    std::size_t held_bytes = 0;
};

bool UdpAssociation::ChainHop::hold(std::string header, std::string_view payload) {
    if (held.size() >= limits::kUdpHopHeldDatagrams ||
        held_bytes + payload.size() > limits::kUdpHopHeldBytes)
        return false;
    held_bytes += payload.size();
    held.push_back({std::move(header), std::string(payload)});
    return true;
}

void UdpAssociation::send_by_chain(const UdpRules::Decision& decision, std::string_view payload) {
    // A hop that is made now would have ended before it was entered.
    if (tasks_.scope().cancelled()) return;
    ChainHop* hop = chains_.find(decision.chain, services_.loop.now(), [&] {
        auto made = std::make_unique<ChainHop>(services_, decision.chain);
        ChainHop* const started = made.get();
        tasks_.spawn(run_chain(std::move(made)));
        return started;
    });
    std::string header = proto::udp_header(decision.target);
    if (!hop) {
        drops_.unreachable++;
    } else if (hop->is_open) {
        hop->life.last = services_.loop.now();
        choose(hop->hop.relay());
        services_.batch.add(nullptr, header, payload);
        flush();  // the header is ours
    } else if (!hop->hold(std::move(header), payload)) {
        drops_.held++;
    }
}

io::Task<void> UdpAssociation::run_chain(std::unique_ptr<ChainHop> hop) {
    io::Loop& loop = services_.loop;
    // Who found that there must be a hop is in the middle of a batch, and has yet to enter it.
    const auto begun = co_await io::sleep(loop, io::Duration::zero());
    std::string failure;
    if (begun) {
        auto serving = serve_chain(*hop);
        failure = co_await std::move(serving);
    }
    drops_.unreachable += hop->held.size();
    if (failure.empty() || tasks_.scope().cancelled()) {
        chains_.ended(*hop);
        co_return;
    }
    const std::chrono::duration<double> pause = chains_.failed(*hop, loop.now());
    LOG_WARNING("{}: udp: {}; not tried again for {}s", client_.to_string(), failure,
                pause.count());
}

// Why the hop is no use any more, or nothing if it was not its fault.
io::Task<std::string> UdpAssociation::serve_chain(ChainHop& hop) {
    io::Loop& loop = services_.loop;
    {
        io::Scope scope(&tasks_.scope());
        const io::Deadline deadline(loop, scope, services_.timeout);
        auto opening = hop.hop.open().in_scope(scope);
        auto opened = co_await std::move(opening);
        if (scope.cancelled() && !tasks_.scope().cancelled())
            co_return fmt::format("`{}': timeout", hop.chain->back().to_string());
        if (!opened) co_return std::move(opened.error().text);
    }
    hop.is_open = true;
    hop.life.last = loop.now();
    for (const ChainHop::Datagram& datagram : std::exchange(hop.held, {})) {
        choose(hop.hop.relay());
        services_.batch.add(nullptr, datagram.header, datagram.payload);
        flush();
    }
    io::TaskGroup serving(&tasks_.scope());
    serving.spawn(watch(hop.hop.control(), "the hop left", hop.life));
    serving.spawn(serve(hop.hop.relay(), &UdpAssociation::from_hop, hop.life));
    serving.spawn(watch_idle(hop.life));
    co_await hop.life.ended.wait();
    serving.cancel();
    co_await serving.drained();
    hop.is_open = false;
    hop.hop.close();
    const std::string_view why = hop.life.reason;
    if (why == UdpLife::kIdle || why == ChainHop::kMadeRoom) co_return std::string();
    co_return fmt::format("`{}': {}", hop.chain->back().to_string(), why);
}

}  // namespace neosocksd::proxy
