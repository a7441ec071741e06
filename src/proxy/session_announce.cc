// The PROXY protocol on both sides of a session: whom a peer announces, and how we announce our
// client to a forward target. Tested by tests/e2e/test_proxy_protocol.py.

#include "io/await.h"
#include "proto/proxy_protocol.h"
#include "proxy/session.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {

io::Task<Ending> Session::read_proxy_header(Setup& setup) {
    using Next = proto::ProxyHeaderStep::Next;
    for (;;) {
        const auto got = co_await io::recv(worker_->loop(), client(),
                                           [&](std::string_view bytes) { setup.early += bytes; });
        if (setup.scope.cancelled()) co_return cut_off(setup.scope, "no PROXY header in time");
        if (!got) co_return ending(Outcome::early_eof, got.error().to_string());
        if (*got == 0) co_return ending(Outcome::early_eof, "recv: early EOF");
        const auto step = proto::read_proxy_header(setup.early);
        if (step.next == Next::need_bytes) continue;
        if (step.next == Next::refuse) co_return ending(Outcome::bad_request, step.failure);
        setup.early.erase(0, step.consumed);
        if (step.header.source) {
            announcer_ = client_address_;
            client_address_ = *step.header.source;
            setup.announced = step.header.destination;
        }
        co_return Ending{};
    }
}

std::string Session::own_proxy_header(const Setup& setup) const {
    const ProxyHeader version = worker_->config().proxy_header;
    if (version == ProxyHeader::none || service_ != Service::forward) return {};
    if (unix_client_)
        return version == ProxyHeader::v1 ? proto::unknown_proxy_header_v1()
                                          : proto::unknown_proxy_header_v2();
    // The address the client connected to, which is what the target would have seen as its own: of
    // the first proxy, if there are several.
    Endpoint destination;
    if (setup.announced)
        destination = *setup.announced;
    else if (const auto local = io::local_endpoint(fd_))
        destination = *local;
    return version == ProxyHeader::v1 ? proto::proxy_header_v1(client_address_, destination)
                                      : proto::proxy_header_v2(client_address_, destination);
}

}  // namespace neosocksd::proxy
