// Tested by tests/e2e/test_workers.py, test_process.py and, for hand-overs, tests/relay.

#include "proxy/worker.h"

#include <cassert>
#include <thread>

#include <unistd.h>

#include "base/log.h"
#include "io/await.h"

namespace neosocksd::proxy {

Worker::Worker(Shared& shared, std::size_t index)
    : shared_(shared),
      index_(index),
      loop_(shared.engine),
      outbound_(std::make_shared<const Outbound>(shared.outbound)),
      resolver_(loop_, shared.resolver),
      relays_(loop_, shared.config.relay, shared.pipes_per_worker),
      dialer_(loop_, resolver_, shared.policy, shared.config.outgoing) {
    loop_.set_busy_poll(shared.config.busy_poll);
    LOG_INFO("worker {}: io: {}", index, loop_.engine().name());
}

Worker::~Worker() {
    assert(session_count_ == 0 && sessions_.empty() && cursors_.empty());
    assert(relays_.pipes.lent() == 0 && relays_.bulk_relays == 0);
}

void Worker::listen(const std::vector<ListeningSocket>& sockets) {
    for (const ListeningSocket& socket : sockets) {
        listeners_.push_back(std::make_unique<net::Listener>(
            loop_, socket.fd, [this, &socket](int fd) { accepted(fd, socket); }, &shared_.admission,
            socket.shared));
        listeners_.back()->start();
    }
}

void Worker::accepted(int fd, const ListeningSocket& socket) {
    stats_.accepted.add();
    auto ticket = shared_.admission.admit();
    if (!ticket || ending_) {
        stats_.refused.add();
        if (!ticket) {
            const auto client = io::peer_endpoint(fd);
            LOG_WARNING("[{}] {}: refused by admission control: {}", fd,
                        client ? client->to_string() : "a client",
                        ticket.error() == net::Admission::Refusal::sessions ? "--max-sessions"
                                                                            : "--max-startups");
        }
        ::close(fd);
        return;
    }
    auto session = std::make_unique<Session>(*this, fd, socket, std::move(*ticket));
    sessions_.push_back(*session);
    session_count_++;
    // The list owns it: forget() ends its life.
    setups_.spawn(session.release()->set_up());
}

Services Worker::services() {
    if (!batch_) batch_ = std::make_unique<net::UdpBatch>();
    return {.loop = loop_,
            .resolver = resolver_,
            .dialer = dialer_,
            .relays = relays_,
            .batch = *batch_,
            .admission = shared_.admission,
            .udp_ports = shared_.udp_ports,
            .policy = shared_.policy,
            .outgoing = shared_.config.outgoing,
            .timeout = shared_.config.timeout};
}

void Worker::forget(Session& session) {
    const std::unique_ptr<Session> owned(&session);
    leave_list(session);
    if (session_count_ == 0) idle_.set();
}

Worker* Worker::less_loaded_peer() {
    Worker* best = nullptr;
    int least = relays_.bulk_relays.load(std::memory_order_relaxed) - 1;
    for (Worker* peer : shared_.workers) {
        if (peer == this) continue;
        const int load = peer->relays_.bulk_relays.load(std::memory_order_relaxed);
        if (load >= least) continue;
        least = load;
        best = peer;
    }
    return best;
}

void Worker::hand_over(Session& session, Worker& destination) {
    leave_list(session);
    io::Message message = [&session, &destination] { destination.take_over(session); };
    if (destination.loop_.post(message)) {
        stats_.handed_over.add();
        if (session_count_ == 0) idle_.set();
        return;
    }
    take_over(session);
}

void Worker::take_over(Session& session) {
    sessions_.push_back(session);
    session_count_++;
    session.arrive(*this);
    if (ending_) session.stop(false);
}

void Worker::post_stop(io::Duration drain, std::function<void()> on_done) {
    post_surely(
        [this, drain, on_done = std::move(on_done)] { control_.spawn(shut_down(drain, on_done)); });
}

void Worker::post_outbound(Outbound outbound) {
    post_surely([this, outbound = std::move(outbound)]() mutable {
        outbound_ = std::make_shared<const Outbound>(std::move(outbound));
    });
}

void Worker::post_nameservers(std::string list) {
    post_surely([this, list = std::move(list)] { resolver_.set_nameservers(list); });
}

void Worker::post_surely(io::Message message) {
    // A mailbox full of hand-overs empties itself.
    while (!loop_.post(message)) std::this_thread::yield();
}

void Worker::post_cut_short() {
    io::Message message = [this] { drain_scope_.cancel(ECANCELED); };
    // Refused: this worker has ended already.
    [[maybe_unused]] const bool posted = loop_.post(message);
}

io::Task<void> Worker::shut_down(io::Duration drain, std::function<void()> on_done) {
    for (const auto& listener : listeners_) co_await listener->stop();
    idle_scope_.cancel(ECANCELED);
    if (drain > io::Duration::zero()) {
        const io::Deadline deadline(loop_, drain_scope_, drain);
        auto waiting = wait_until_idle().in_scope(drain_scope_);
        co_await std::move(waiting);
    }
    ending_ = true;
    co_await end_sessions();
    // From here on no session can arrive; those that had been posted have.
    loop_.close_mailbox();
    co_await end_sessions();
    walks_.cancel();
    co_await walks_.drained();
    // The last words of sessions.
    while (tell_op_.pending()) {
        const auto slept = co_await io::sleep(loop_, io::Duration::zero());
        if (!slept) break;
    }
    co_await resolver_.stop();
    on_done();
    loop_.stop();
}

io::Task<void> Worker::end_sessions() {
    shared_.sessions_cut.fetch_add(session_count_, std::memory_order_relaxed);
    setups_.cancel(ECANCELED);
    sessions_.for_each([](Session& session) {
        if (session.relaying()) session.stop(false);
    });
    co_await wait_until_idle();
    co_await setups_.drained();
}

io::Task<void> Worker::wait_until_idle() {
    while (session_count_ > 0) {
        const auto idle = co_await idle_.wait();
        if (!idle) co_return;
    }
}

}  // namespace neosocksd::proxy
