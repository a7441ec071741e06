// One plain HTTP exchange between a client and a target that are both connected: the request, as
// rebuilt, goes up with its body, the response comes down, both at the same time.
//
// Bodies stream through one buffer each way: nothing is read while the last piece waits to be
// sent, so a slow reader stops its peer. Until the response's body starts, the exchange ends when
// nothing has moved for the time-out. A client that ends its side behind its request has that
// passed on to the target, as in a tunnel, and gets the response if there still is one within the
// time-out; a client that resets ends the exchange.
// Tested by tests/e2e/test_http_forward*.py.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/scope.h"
#include "io/task.h"
#include "io/task_group.h"
#include "net/relay_context.h"
#include "proto/http_forward.h"
#include "proxy/outcome.h"

namespace neosocksd::proxy {

struct ExchangeEnd {
    enum class Kind : std::uint8_t {
        complete,
        switched,  // 101: `head` is still to be sent, and from then on bytes are relayed raw
        failed,
    };
    Kind kind = Kind::complete;
    bool keep_alive = false;                 // complete: a further request may come
    std::string head;                        // switched
    std::string from_target;                 // switched: what came behind the head
    Outcome outcome = Outcome::established;  // failed
    int status = 0;      // failed: of the page for the client; 0: there is no room for one
    bool reset = false;  // failed: an orderly end would look like the end of the body
    std::string text;    // failed: for the log
};

class HttpExchange {
public:
    struct Context {
        io::Loop& loop;
        net::RelayContext& totals;  // where bytes are counted
        io::Scope& parent;          // whose cancellation ends it
        const io::Scope& draining;  // cancelled: the response is the last on its connection
        io::Duration timeout;
    };

    HttpExchange(const Context& context, io::Socket& client, io::Socket& target,
                 const proto::ForwardRequest& request);

    // What the client has sent behind the head. False: it is no valid body.
    [[nodiscard]] bool take_early(std::string_view bytes);

    // `from_target`: what it has said already. Both sockets stay open, without operations.
    io::Task<ExchangeEnd> run(std::string from_target);

    // Takes from an error page what this request's response may not have.
    void fit_page(std::string& page) const;

    // What the client has sent behind the body: the next request.
    std::string& behind() { return behind_; }
    // Of the final response, or of a 101; 0 before it.
    int status() const { return status_; }
    // Bytes that were sent to either side, heads and framing included.
    std::uint64_t up_bytes() const { return up_bytes_; }
    std::uint64_t down_bytes() const { return down_bytes_; }

private:
    struct IdleTimer : io::Timer {
        explicit IdleTimer(HttpExchange& owner);
        HttpExchange& exchange;
    };

    io::Task<void> upload();
    io::Task<void> watch_client();
    io::Task<ExchangeEnd> download();
    io::Task<ExchangeEnd> pass_body(proto::ForwardResponse response);

    // Adds the body that `bytes` hold, framed anew, to `out`.
    void frame_up(std::string_view bytes, std::string& out);
    io::Task<bool> send_up(std::string_view bytes);
    io::Task<bool> send_down(std::string_view bytes);
    // Whether `input_` begins with a whole head; fetches what is missing. Else the reason.
    io::Task<const char*> fetch_head(proto::HeadReader& reader);

    ExchangeEnd upstream_failed(std::string text) const;
    void give_up(Outcome outcome, int status, const char* text);
    void progress();
    void stop_timing();

    Context context_;
    io::Socket& client_;
    io::Socket& target_;
    const proto::ForwardRequest& request_;
    io::Scope scope_;
    io::TaskGroup uploads_;
    IdleTimer timer_{*this};
    proto::BodyDecoder request_body_;
    std::string first_up_;  // head, and the body that came with it
    std::string input_;     // from the target, not used yet
    std::string behind_;
    ExchangeEnd failure_;
    std::uint64_t up_bytes_ = 0;
    std::uint64_t down_bytes_ = 0;
    int status_ = 0;
    bool timed_ = true;
    bool uploaded_ = false;          // the whole request has been sent
    bool client_ended_ = false;      // and the client has closed its side behind it
    bool response_started_ = false;  // the final one: there is no room for a page any more
};

}  // namespace neosocksd::proxy
