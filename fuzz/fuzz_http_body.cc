// Bodies by themselves: any framing, any bytes, cut anywhere. What is decoded and framed again is
// read as the same payload; and a body that we frame is read whole, with what follows left alone.
// Input: framing, seed of the segmentation, then bytes.

#include <string>

#include "proto/http_body.h"
#include "support.h"

using namespace neosocksd::proto;
using neosocksd::fuzz::cut;
using neosocksd::fuzz::Input;
using neosocksd::fuzz::require;

namespace {

using Status = BodyDecoder::Status;

struct Reading {
    Status status;
    Status at_end;  // if the stream ends here
    std::size_t consumed = 0;
    std::string payload;
    bool operator==(const Reading&) const = default;
};

Reading read(const Framing& framing, std::string_view bytes, std::uint8_t seed, bool whole) {
    BodyDecoder decoder(framing);
    Reading reading{decoder.status(), Status::need_bytes, 0, {}};
    const auto take = [&](std::string_view piece) {
        if (reading.status != Status::need_bytes) return;
        const auto step = decoder.decode(piece, reading.payload);
        require(step.consumed <= piece.size());
        require(step.status == decoder.status());
        reading.consumed += step.consumed;
        reading.status = step.status;
    };
    if (!whole)
        cut(bytes, seed, take);
    else if (!bytes.empty())
        take(bytes);
    reading.at_end = decoder.end_of_stream();
    return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const std::uint8_t kind = input.take_octet();
    const std::uint8_t seed = input.take_octet();
    const std::string_view bytes = input.rest();
    const Framing framing{static_cast<Framing::Kind>(kind % 4), kind / 4u};

    Reading whole = read(framing, bytes, seed, true);
    Reading pieces = read(framing, bytes, seed, false);
    // Of a malformed body only that it is one.
    if (whole.status == Status::malformed) whole.consumed = pieces.consumed = 0;
    require(whole == pieces);
    require(whole.at_end != Status::need_bytes);
    require(whole.payload.size() <= bytes.size());

    std::string framed(bytes);
    frame_as_chunk(framed, 0);
    framed += kLastChunk;
    const Reading again =
        read({Framing::Kind::chunked, 0}, framed + "HTTP/1.1 200 OK\r\n", seed, false);
    require(again.status == Status::complete && again.payload == bytes);
    require(again.consumed == framed.size());
    return 0;
}
