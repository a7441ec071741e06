// RPC between two of us: whatever the code is, the request that carries it is read as that code,
// and the answer as that answer, in whatever segments they come.
// Input: seed of the segmentation, options, then the code.

#include <string>

#include "api/http_request.h"
#include "api/http_response.h"
#include "api/media_type.h"
#include "api/rpc_request.h"
#include "api/rpc_response.h"
#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::api;
using fuzz::require;

namespace {

void check_request(std::string_view code, std::uint8_t seed, bool call) {
    const auto path = call ? kRpcCallPath : kRpcInvokePath;
    const auto bytes = rpc_request(path, code);
    require(bytes.has_value());
    RequestReader reader;
    using Next = RequestReader::Next;
    auto next = Next::need_bytes;
    fuzz::cut(*bytes, seed, [&](std::string_view piece) {
        require(next == Next::need_bytes);
        next = reader.feed(piece);
        if (next == Next::head) next = reader.accept_body();
    });
    require(next == Next::request);
    HttpRequest& request = reader.request();
    require(request.method == "POST" && request.keep_alive && !request.authorization);
    require(request.content_type && is_rpc_content_type(*request.content_type));
    require(request.take_body() == std::string(code));
}

void check_response(std::string_view code, std::uint8_t seed, Coding coding) {
    HttpResponse response = text_response(200, std::string(code));
    response.content_type = kRpcContentType;
    response.coding = coding;
    const std::string bytes = to_bytes(std::move(response), true, false, 0);
    RpcResponse reader;
    auto next = RpcResponse::Next::need_bytes;
    fuzz::cut(bytes, seed, [&](std::string_view piece) {
        if (next == RpcResponse::Next::need_bytes) next = reader.feed(piece);
    });
    require(next == RpcResponse::Next::done);
    require(reader.result() && *reader.result() == code);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.take_octet();
    const std::uint8_t options = input.take_octet();
    check_request(input.rest(), seed, (options & 1) != 0);
    check_response(input.rest(), seed, static_cast<Coding>(options / 2 % 3));
    return 0;
}
