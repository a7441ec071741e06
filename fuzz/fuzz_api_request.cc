// RequestReader must come to the same requests and refusals from any segmentation, and everything
// that is done with a request before its endpoint (gates, route, query, decoding of the body) must
// survive it. Input: seed of the segmentation, then the bytes.

#include <cstdint>
#include <string>
#include <vector>

#include "api/browser_guard.h"
#include "api/http_request.h"
#include "api/media_type.h"
#include "api/routes.h"
#include "api/tokens.h"
#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::api;
using fuzz::require;
using Next = RequestReader::Next;

namespace {

const BrowserGuard kGuard("127.0.0.1:9080", {"proxy.example"}, false);
const Tokens kTokens = *Tokens::parse("read look\nadmin act\n");

// What was seen of a connection.
struct Log {
    std::string text;
    int status = 0;
    bool started = false;
};

void use(HttpRequest& request, Log& log) {
    require(!request.target.path.empty());
    for (const std::string& segment : request.target.path)
        require(segment.find('\0') == std::string::npos);
    log.text += request.method + ' ' + request.target.path_text() + '?' + request.target.query;
    log.text += kGuard.refusal(request) ? " refused" : " let in";
    if (request.authorization) log.text += kTokens.role_of(*request.authorization) ? " known" : "";
    if (request.content_type) log.text += is_rpc_content_type(*request.content_type) ? " rpc" : "";
    const auto found = route(request, true);
    log.text += found ? "" : " no";
    if (const auto query = Query::parse(request.target.query)) {
        query->flag("server", true);
        log.text += query->get("q").value_or("-");
    }
    require(request.body.size() <= limits::kApiBodyBytes);
    if (const auto body = request.take_body())
        log.text += *body;
    else
        require(body.error() == 400 || body.error() == 413);
    log.text += '\n';
}

Next go_on(RequestReader& reader, Next next, Log& log) {
    for (;;) {
        if (next == Next::head) {
            next = reader.accept_body();
            log.text += reader.output();
            reader.output().clear();
        } else if (next == Next::request) {
            use(reader.request(), log);
            next = reader.next_request();
        } else {
            if (next == Next::refuse) {
                log.status = reader.status();
                require(log.status >= 400 && !reader.request().keep_alive && !reader.reading());
            }
            return next;
        }
    }
}

template <typename Pieces>
Log read(const Pieces& pieces) {
    RequestReader reader;
    Log log;
    auto next = Next::need_bytes;
    for (const auto piece : pieces)
        if (next == Next::need_bytes) next = go_on(reader, reader.feed(piece), log);
    log.started = next == Next::need_bytes && reader.started();
    return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.take_octet();
    const std::string_view bytes = input.rest();
    const Log whole = read(std::vector{bytes});
    std::vector<std::string_view> pieces;
    fuzz::cut(bytes, seed, [&](std::string_view piece) { pieces.push_back(piece); });
    const Log cut = read(pieces);
    require(whole.text == cut.text);
    require(whole.status == cut.status);
    require(whole.started == cut.started);
    return 0;
}
