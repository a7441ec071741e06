// Session: one client from accept to close.
//
// Its set-up is a coroutine in its worker's task group: read the request, dial, reply. Then the
// coroutine is gone and the relay, which this object is, goes on by itself. Whatever happens, the
// session ends once, is counted once, and says in the log why.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/list.h"
#include "io/scope.h"
#include "io/task.h"
#include "net/admission.h"
#include "net/relay.h"
#include "net/unix_peer.h"
#include "proxy/access_log_note.h"
#include "proxy/config.h"
#include "proxy/outcome.h"
#include "proxy/session_list.h"
#include "ruleset/request.h"
#include "ruleset/route.h"

namespace neosocksd::proxy {

class HttpExchange;
class UdpAssociation;
class Worker;
struct ListeningSocket;

class Session : public ListHook, public net::Relay {
public:
    // Takes over the accepted descriptor.
    Session(Worker& worker, int fd, const ListeningSocket& listener, net::Ticket ticket);
    ~Session() override;

    // The whole set-up. At its end the session is relaying, or has left its worker and is gone.
    io::Task<void> set_up();

    bool relaying() const { return relaying_; }
    // Bytes so far, those of plain HTTP requests included.
    std::uint64_t total_up() const { return up_bytes() + (http_ ? http_->up_bytes : 0); }
    std::uint64_t total_down() const { return down_bytes() + (http_ ? http_->down_bytes : 0); }

    // For those who look at sessions: session_facts.cc. Worker's thread only.
    SessionFacts facts() const;
    SessionRow describe(const SessionFacts& facts);
    // Ends it soon, or now: it may be gone. Its peers see a reset, or nothing at all.
    void kill();
    bool killed() const { return killed_; }

    // In the thread of `worker`, after another one has given the session up.
    void arrive(Worker& worker);

private:
    struct Setup;  // what only the set-up needs
    enum class After : std::uint8_t { relay, datagrams, next_request, close };

    // One request, up to what comes after it; the last bytes for the client go to `reply`.
    io::Task<After> serve(Setup& setup, std::string& reply);

    bool has_request() const;  // the client says where it wants to go
    io::Task<Ending> establish(Setup& setup);
    io::Task<Ending> read_proxy_header(Setup& setup);
    io::Task<Ending> read_request(Setup& setup);
    io::Task<Ending> dial(Setup& setup);
    // Where the client wants to go, and whose word that is.
    const HostPort& asked_target(const Setup& setup) const;
    net::Origin asked_by() const;
    // The client's last bytes, and a close that does not destroy them.
    io::Task<void> refuse(std::string reply);

    // Asks the rules first, if there are any: session_rules.cc.
    class RuleDialer;
    ruleset::Request rules_request(const Setup& setup) const;
    io::Task<std::expected<std::string, Ending>> dial_by_rules(Setup& setup);
    io::Task<std::expected<std::string, Ending>> dial_as_asked(Setup& setup,
                                                               const net::DialRequest& request);

    // What dial() does, by the command: session_commands.cc. The result is what the target has
    // said already.
    io::Task<std::expected<std::string, net::DialFailure>> reach(Setup& setup,
                                                                 const net::DialRequest& request);
    io::Task<std::expected<std::string, net::DialFailure>> bind(Setup& setup,
                                                                const net::DialRequest& request);
    io::Task<std::expected<std::string, net::DialFailure>> associate(
        Setup& setup, const net::DialRequest& request);
    // Until the association ends; closes the client.
    io::Task<void> serve_datagrams(UdpAssociation& association);

    // Plain HTTP: session_http.cc.
    [[nodiscard]] bool start_http(Setup& setup);
    io::Task<After> forward_http(Setup& setup, std::string& reply);
    io::Task<bool> next_request();
    io::Task<bool> wait_for_request();
    void log_http() const;

    // The access log, if there is one: session_access.cc. One line for each request: of what was
    // refused, of a plain HTTP exchange, of what has been kept since it was established.
    void draft_access(Setup& setup) const;
    void log_refusal(const Setup& setup, Outcome outcome, std::string_view reply) const;
    void log_exchange(const Setup& setup, Outcome outcome, int status) const;
    void keep_access(const Setup& setup);
    void log_relay(End end) const;
    void log_datagrams(const UdpAssociation& association, std::string_view why) const;
    AccessFacts access_facts(const Setup& setup) const;
    AccessRecord access_record(const AccessFacts& facts) const;

    void start_relay(Setup& setup);
    std::string own_proxy_header(const Setup& setup) const;
    void start_protocol_timer();
    void leave();  // destroys the session
    // "[FD] CLIENT -> `TARGET'", for the log.
    std::string label() const;
    // "192.0.2.1:4000", "unix:uid=1000"
    std::string client_name() const;
    // At the level that the table has for it.
    void log_ending(Outcome outcome, std::string_view text) const;

    void on_end(End end) override;
    void on_both_spoke() override;
    bool on_bulk() override;
    void on_moved_out() override;

    // What only some sessions have, made when there is something to say.
    struct Notes {
        std::string user;  // as the client calls itself, or has proved to be
        // What the rules have decided, where that is not what was asked for.
        std::string route;
        std::optional<std::vector<std::string>> chain;
    };
    Notes& notes();
    // For watchers, if there are any: session_events.cc. The first end counts.
    void tell_opened();
    void tell_closed(std::string_view reason);
    void note_request(const proto::Request& request);
    void note_route(const ruleset::Route& route, bool as_asked);

    struct ProtocolTimer : io::Timer {
        explicit ProtocolTimer(Session& owner);
        Session& session;
    };

    // Of a client whose plain HTTP requests are forwarded, one after another.
    struct HttpClient {
        std::string behind;  // read behind the last request: the next one
        std::uint64_t requests = 0;
        std::uint64_t up_bytes = 0;
        std::uint64_t down_bytes = 0;
        const HttpExchange* exchange = nullptr;  // the one that runs
        bool linger = false;                     // close as after a reply
    };

    Worker* worker_;
    Worker* destination_ = nullptr;  // while it moves
    net::Ticket ticket_;
    io::TimePoint accepted_;
    ProtocolTimer protocol_timer_{*this};
    std::string target_;  // as the client asked for it
    Endpoint client_address_;
    std::optional<net::PeerCredentials> unix_client_;  // instead of an address
    std::optional<Endpoint> announcer_;                // by whom client_address_ was announced
    std::optional<Endpoint> address_;                  // connected to: target or first hop
    int fd_;  // of the client, also when it is closed already
    const ListeningSocket& listener_;
    std::shared_ptr<const Outbound> outbound_;  // as it was when the request came
    Service service_;
    proto::Protocol protocol_ = proto::Protocol::none;
    proto::Command command_ = proto::Command::connect;
    SessionState state_ = SessionState::request;
    bool relaying_ = false;
    bool killed_ = false;
    bool told_closed_ = false;
    bool timed_out_ = false;  // by the protocol timer
    AccessNote access_note_;
    std::unique_ptr<HttpClient> http_;
    std::unique_ptr<Notes> notes_;
    const std::uint64_t id_;
    io::Scope* scope_ = nullptr;  // of what runs until it relays
    const UdpAssociation* datagrams_ = nullptr;
};

}  // namespace neosocksd::proxy
