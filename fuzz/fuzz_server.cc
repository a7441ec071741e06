// Whatever clients say, ServerMachine must understand the same from any segmentation of it, and
// hand on nothing that could be read differently elsewhere.
// Input: options, seed of the segmentation, then the client's bytes.

#include "proto/server.h"

#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

ServerMachine machine_for(std::uint8_t bits) {
    ServerOptions options;
    options.socks = (bits & 1) != 0;
    options.http = (bits & 2) != 0;
    options.auth_required = (bits & 4) != 0;
    options.bind = (bits & 8) != 0;
    options.udp_associate = (bits & 16) != 0;
    options.raw_target = (bits & 32) != 0;
    options.clock = [] { return std::time_t{0}; };
    return ServerMachine(options);
}

void check_request(ServerMachine& machine, std::string_view bytes) {
    const Request& request = machine.request();
    require(bytes.ends_with(machine.surplus()));
    require(request.protocol == machine.protocol());
    require(!has_unsafe_bytes(request.target.name) && !has_unsafe_bytes(request.text));
    require(request.target.name.size() <= limits::kHostBytes);
    require(request.named || request.target.ip.has_value());
    if (request.protocol != Protocol::http) require(request.text == request.target.to_string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t options = input.take_octet();
    const std::uint8_t seed = input.take_octet();

    ServerMachine whole = machine_for(options);
    ServerMachine pieces = machine_for(options);
    const Next next = whole.feed(input.rest());
    fuzz::cut(input.rest(), seed, [&](std::string_view piece) { pieces.feed(piece); });

    require(pieces.feed("") == next);
    require(pieces.output() == whole.output());
    require(pieces.failure() == whole.failure());
    require(pieces.failure().empty() == (next != Next::refuse));
    require(pieces.protocol() == whole.protocol());
    if (next != Next::request) return 0;
    check_request(whole, input.rest());
    require(pieces.surplus() == whole.surplus());
    require(pieces.request().command == whole.request().command);
    require(pieces.request().target == whole.request().target);
    require(pieces.request().text == whole.request().text);
    require(pieces.request().named == whole.request().named);
    require(pieces.request().target_valid == whole.request().target_valid);
    require(pieces.request().username == whole.request().username);
    require(pieces.request().password == whole.request().password);
    return 0;
}
