// What a client sends and what an origin answers, through the whole of plain HTTP forwarding but
// its sockets. Whatever comes in, and however it is cut: what would go upstream is one request and
// nothing behind it, as a strict reader sees it, and the payload is that of the original; the same
// for what would go to the client.
// Input: seed of the segmentation, flags of the response's request, length of the request, then
// request and response.

#include <string>

#include "proto/http_forward.h"
#include "proto/server.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

using Status = BodyDecoder::Status;

struct Body {
    Status status = Status::need_bytes;
    std::string payload;
    std::string framed;  // as it would be passed on
    std::size_t size = 0;
};

Body read_body(const Framing& from, const Framing& to, std::string_view bytes, int seed) {
    BodyDecoder decoder(from);
    Body body;
    body.status = decoder.status();
    const auto take = [&](std::string_view piece) {
        if (body.status != Status::need_bytes) return;
        std::string out;
        const auto step = decoder.decode(piece, out);
        require(step.consumed <= piece.size());
        require(step.status != Status::need_bytes || step.consumed == piece.size());
        body.status = step.status;
        body.size += step.consumed;
        body.payload += out;
        if (to.kind == Framing::Kind::chunked) {
            frame_as_chunk(out, 0);
            if (step.status == Status::complete) out += kLastChunk;
        }
        if (step.status != Status::malformed) body.framed += out;
    };
    if (seed < 0) {
        if (!bytes.empty()) take(bytes);
    } else {
        fuzz::cut(bytes, static_cast<std::uint8_t>(seed), take);
    }
    return body;
}

Body check_body(const Framing& from, const Framing& to, std::string_view bytes, std::uint8_t seed) {
    const Body whole = read_body(from, to, bytes, -1);
    const Body pieces = read_body(from, to, bytes, seed);
    require(whole.status == pieces.status && whole.payload == pieces.payload);
    require(whole.size == pieces.size);
    return pieces;
}

// The framing that a reader finds in these fields; there must be no doubt about it.
Framing sole_framing(const Fields& fields) {
    require(fields.count("Content-Length") + fields.count("Transfer-Encoding") <= 1);
    const char* why = "";
    const auto framing = framing_of(fields, false, true, why);
    require(framing.has_value());
    return *framing;
}

void check_request(const Request& request, std::string_view behind, std::uint8_t seed) {
    const ForwardRequest& http = *request.http;
    // Not by HeadReader: Host, Via and Connection may make it longer than a head that comes in.
    const std::string& text = http.head;
    require(text.find('\0') == std::string::npos);
    require(text.find("\r\n\r\n") == text.size() - 4);
    const auto head = parse_request_head(text);
    require(head.has_value() && head->fields.count("Host") == 1);
    require(head->version == (http.http_1_0 ? "HTTP/1.0" : "HTTP/1.1"));
    require(head->target.starts_with('/') || head->target == "*");
    require(head->method != "CONNECT" && head->fields.count("Proxy-Authorization") == 0);
    require(head->fields.count("Connection") == 1 && head->fields.count("TE") == 0);
    require(http.upgrade == (head->fields.count("Upgrade") > 0));
    require(sole_framing(head->fields) == http.body);
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
        require(at > 0 && text[at - 1] == '\r');

    const Body sent = check_body(http.body, http.body, behind, seed);
    if (sent.status != Status::complete) return;
    const Body seen = read_body(http.body, http.body, sent.framed, -1);
    require(seen.status == Status::complete && seen.size == sent.framed.size());
    require(seen.payload == sent.payload);
}

void check_response(const ForwardRequest& request, std::string_view bytes, std::uint8_t seed) {
    HeadReader reader;
    if (reader.read(bytes) != HeadReader::Status::complete) return;
    const auto head = parse_response_head(bytes.substr(0, reader.size()));
    if (!head) return;
    const auto response = rebuild_response(*head, request, true);
    if (!response) return;
    if (response->head.empty()) {
        require(response->kind == ForwardResponse::Kind::interim && request.http_1_0);
        return;
    }
    const auto seen_head = parse_response_head(response->head);
    require(seen_head && seen_head->status == head->status);
    require(response->head.find("\r\n\r\n") == response->head.size() - 4);
    if (response->kind != ForwardResponse::Kind::final) {
        require(seen_head->fields.count("Content-Length") == 0);
        require(seen_head->fields.count("Transfer-Encoding") == 0);
        return;
    }
    const Framing stated = sole_framing(seen_head->fields);
    const Framing& to = response->to_client;
    require(!request.http_1_0 || to.kind != Framing::Kind::chunked);
    require(to.kind != Framing::Kind::until_close || !response->keep_alive);
    if (to.kind == Framing::Kind::length || to.kind == Framing::Kind::chunked)
        require(stated == to);
    const Body sent = check_body(response->from_target, to, bytes.substr(reader.size()), seed);
    if (sent.status != Status::complete) return;
    const Body seen = read_body(to, to, sent.framed, -1);
    require(seen.payload == sent.payload);
    require(to.kind == Framing::Kind::until_close || seen.status == Status::complete);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.take_octet();
    const std::uint8_t flags = input.take_octet();
    const std::size_t request_bytes = input.take_octet() * std::size_t{8};
    const std::string_view from_client = input.take(request_bytes);

    ServerOptions options;
    options.socks = false;
    options.http = true;
    options.clock = [] { return std::time_t{0}; };
    ServerMachine machine(options);
    fuzz::cut(from_client, seed, [&](std::string_view piece) { machine.feed(piece); });
    if (machine.feed("") == Next::request && machine.request().http)
        check_request(machine.request(), machine.surplus(), seed);

    ForwardRequest asked;
    asked.head_only = (flags & 1) != 0;
    asked.http_1_0 = (flags & 2) != 0;
    asked.upgrade = (flags & 4) != 0 && !asked.http_1_0;
    asked.keep_alive = !asked.http_1_0;
    check_response(asked, input.rest(), seed);
    return 0;
}
