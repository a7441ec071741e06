// The client's side of every protocol: asks one hop of a chain to connect to a target.
//
//   auto next = machine.start();
//   for (;;) { send and clear machine.output(); if (next != need_bytes) break;
//              next = machine.feed(received); }
//   established: relay, machine.surplus() being the first bytes from the target
//   failed: machine.reply() is what the client hears, machine.failure() what the log says
//
// SOCKS5 hops can also be asked for BIND and UDP ASSOCIATE: bound() is then what they reply, and
// for BIND a second reply follows.
//
// Strictly one message at a time: nothing is sent before the hop has answered the last one, since
// some proxies drop what they did not expect yet.

#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "proto/http_client.h"
#include "proto/pending.h"
#include "proto/proxy_url.h"
#include "proto/reply.h"
#include "proto/socks4_client.h"
#include "proto/socks5_client.h"
#include "proto/upstream_step.h"

namespace neosocksd::proto {

class UpstreamMachine {
public:
    using Next = UpstreamNext;

    // Copies what it needs of both.
    UpstreamMachine(const ProxyUrl& hop, const HostPort& target,
                    Command command = Command::connect);

    // The first message is in output(). Fails, with nothing to send, if the target or the
    // credentials cannot be said in the hop's protocol or could be read there as something else.
    Next start() { return next_; }
    // Bytes after `established` join surplus(); bytes after `failed` are ignored.
    Next feed(std::string_view bytes);
    // After Next::established of a BIND: goes on to the second reply, which may have come already.
    Next expect_second_reply();
    // The hop closed its side: a failure unless the handshake was over.
    Next closed();

    std::string& output() { return output_; }
    // After Next::established: bytes that already belong to the target.
    std::string& surplus() { return pending_.bytes(); }
    // After Next::established of a SOCKS5 hop: BND of its last reply. Empty for other hops.
    HostPort bound() const;
    // After Next::failed.
    Reply reply() const { return reply_; }
    UpstreamFault fault() const { return fault_; }
    const std::string& failure() const { return failure_; }

private:
    Next next_ = Next::need_bytes;
    Reply reply_ = Reply::succeeded;
    UpstreamFault fault_ = UpstreamFault::protocol;
    std::variant<HttpClient, Socks4Client, Socks5Client> machine_;
    Pending pending_;
    std::string output_;
    std::string failure_;
};

}  // namespace neosocksd::proto
