// Worker: one loop of the data plane with all that belongs to it. Workers share nothing but
// admission's gauges and what never changes; a session lives in one worker from accept to close,
// unless its relay turns out heavy and is handed, whole, to a worker with less to do.
//
// A worker is made, run and destroyed in one thread. Other threads may only call post_stop(),
// cut_short(), hand a session over, and read counters.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/list.h"
#include "io/event.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "net/admission.h"
#include "net/dialer.h"
#include "net/egress_policy.h"
#include "net/listener.h"
#include "net/relay_context.h"
#include "net/resolver.h"
#include "proxy/config.h"
#include "proxy/services.h"
#include "proxy/session.h"
#include "proxy/session_events.h"
#include "proxy/session_walk.h"
#include "proxy/stats.h"
#include "ruleset/rules.h"

namespace neosocksd::proxy {

// What the workers of a process share.
struct Shared {
    explicit Shared(const net::AdmissionLimits& limits, net::BlockSet block)
        : policy(block), admission(limits) {}

    Config config;
    // The control thread's own. Workers copy it when they are made, and are told of a new one.
    Outbound outbound;
    net::ResolverOptions resolver;
    net::EgressPolicy policy;
    net::Admission admission;
    net::OwnPorts udp_ports;
    io::EngineChoice engine = io::EngineChoice::epoll;
    std::size_t pipes_per_worker = 0;
    // What sessions ask, if there are any. A reloaded configuration may bring the first.
    std::atomic<ruleset::Rules*> rules{nullptr};
    class AccessLog* access_log = nullptr;
    // Indexed by worker; filled while they start, complete before any of them listens.
    std::vector<class Worker*> workers;
    mutable SessionEvents events;
    std::atomic<std::uint64_t> sessions_cut{0};  // ended by the shutdown
};

struct ListeningSocket {
    int fd = -1;
    Service service = Service::socks;
    bool shared = false;  // see net::Listener
    std::string name;     // as the log and the rules call it: "127.0.0.1:1080"
};

class Worker {
public:
    Worker(Shared& shared, std::size_t index);
    ~Worker();

    // Starts to accept. Every worker must have been made; `sockets` must stay.
    void listen(const std::vector<ListeningSocket>& sockets);
    // Runs until stopped, everything having ended.
    void run() { loop_.run(); }

    // From any thread. Closes the listeners; sessions end at once, or have `drain` to finish.
    // `on_done` runs in this worker's thread at the end.
    void post_stop(io::Duration drain, std::function<void()> on_done);
    // From the control thread, before it has posted a stop: for the sessions to come.
    void post_outbound(Outbound outbound);
    void post_nameservers(std::string list);
    // From any thread: ends a drain now.
    void post_cut_short();
    // From any thread: looks at every session, some in a turn, and answers. False: refused.
    [[nodiscard]] bool post_walk(const std::shared_ptr<SessionWalk>& walk);

    io::Loop& loop() { return loop_; }
    net::RelayContext& relays() { return relays_; }
    net::Dialer& dialer() { return dialer_; }
    io::TaskGroup& setups() { return setups_; }
    WorkerStats& stats() { return stats_; }
    const char* engine_name() { return loop_.engine().name(); }
    std::size_t index() const { return index_; }
    SessionEvents& events() { return shared_.events; }
    void tell(SessionEvent event);
    // Of a new session: unique in the process, and in each worker ever greater.
    std::uint64_t next_session_id() { return ++session_ids_ * shared_.workers.size() + index_; }
    const net::ResolverCounters& resolver_counters() const { return resolver_.counters(); }
    // For waits between requests: cancelled when the end begins, since no drain waits for them.
    io::Scope& idle_scope() { return idle_scope_; }
    const Config& config() const { return shared_.config; }
    // For sessions to keep. The worker's own, so that no other thread counts its users.
    const std::shared_ptr<const Outbound>& outbound() const { return outbound_; }
    ruleset::Rules* rules() { return shared_.rules.load(std::memory_order_acquire); }
    // nullptr: there is none.
    AccessLog* access_log() { return shared_.access_log; }
    // For sessions that do more than connect.
    Services services();

    // The session has ended: destroys it.
    void forget(Session& session);
    // A worker whose busy relays are at least two fewer than ours, or nullptr.
    Worker* less_loaded_peer();
    void hand_over(Session& session, Worker& destination);

private:
    void accepted(int fd, const ListeningSocket& socket);
    void take_over(Session& session);
    struct TellOp : io::Op {
        explicit TellOp(Worker& worker) : Op(&TellOp::run), owner(worker) {}
        static void run(io::Op& op, int);
        Worker& owner;
    };
    void leave_list(Session& session);
    void post_surely(io::Message message);
    io::Task<void> run_walk(std::shared_ptr<SessionWalk> walk);
    void look_at_some(const SessionWalk& walk, SessionCursor& cursor, SessionCollector& collector);
    io::Task<void> shut_down(io::Duration drain, std::function<void()> on_done);
    io::Task<void> end_sessions();
    io::Task<void> wait_until_idle();

    Shared& shared_;
    const std::size_t index_;
    io::Loop loop_;
    std::shared_ptr<const Outbound> outbound_;
    net::Resolver resolver_;
    net::RelayContext relays_;
    net::Dialer dialer_;
    std::unique_ptr<net::UdpBatch> batch_;  // made when first needed
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    io::TaskGroup setups_;
    io::Scope idle_scope_{&setups_.scope()};
    io::TaskGroup control_;  // the shutdown itself
    io::TaskGroup walks_;
    List<SessionCursor> cursors_;  // of walks, in sessions_
    TellOp tell_op_{*this};
    std::vector<SessionEvent> told_;  // in this turn
    std::size_t untold_ = 0;
    List<Session> sessions_;
    std::size_t session_count_ = 0;
    std::uint64_t session_ids_ = 0;
    io::Scope drain_scope_{nullptr};
    bool ending_ = false;  // sessions that arrive now are to end
    io::Event idle_{loop_};
    WorkerStats stats_;
};

}  // namespace neosocksd::proxy
