// SOCKS5, the server's side: RFC 1928 with the user name and password method of RFC 1929.
//
// All messages may come in one segment: a client that guesses our choice of method need not wait.
// Credentials are always accepted here, unless empty: the rules decide about them.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/reply.h"
#include "proto/step.h"

namespace neosocksd::proto {

class Socks5Server {
public:
    Step step(std::string_view input, Exchange& exchange);

private:
    enum class Expect : std::uint8_t { greeting, credentials, request };

    // Each looks at one message at the start of `input`; consumed is 0 unless it is complete.
    Step read_greeting(std::string_view input, Exchange& exchange);
    Step read_credentials(std::string_view input, Exchange& exchange);
    Step read_request(std::string_view input, Exchange& exchange);

    Expect expect_ = Expect::greeting;
};

// `bound` is the local address of the outgoing connection; nullptr for all failures and when
// there is none: 0.0.0.0:0.
std::string socks5_reply(Reply reply, const Endpoint* bound);

}  // namespace neosocksd::proto
