// zlib's streams as functions from string to string. Tested by compress_test.cc and fuzz_inflate.

#include "base/compress.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

#include <zlib.h>

namespace neosocksd {
namespace {

constexpr std::size_t kFirstOutputBytes = 4096;
// The longest piece that z_stream's counters take.
constexpr std::size_t kPieceBytes = std::numeric_limits<uInt>::max();

// Of windowBits: zlib's own container, 16 more for gzip, negative for none.
int window_bits(Format format, std::string_view data) {
    if (format == Format::gzip) return MAX_WBITS + 16;
    if (format == Format::zlib || data.size() < 2) return MAX_WBITS;
    // A zlib header is compression method 8, a window of at most 32 KiB, and a multiple of 31. Read
    // as raw DEFLATE it would be a stored block whose padding is not zero, which no encoder writes.
    const auto method = static_cast<std::uint8_t>(data[0]);
    const auto flags = static_cast<std::uint8_t>(data[1]);
    const bool header = (method & 15) == Z_DEFLATED && method >> 4 <= 7;
    return header && (method * 256 + flags) % 31 == 0 ? MAX_WBITS : -MAX_WBITS;
}

struct Inflater : z_stream {
    explicit Inflater(int bits) : z_stream{} {
        if (inflateInit2(this, bits) != Z_OK) throw std::bad_alloc();
    }
    ~Inflater() { inflateEnd(this); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
};

struct Deflater : z_stream {
    explicit Deflater(int bits) : z_stream{} {
        const int status = deflateInit2(this, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits,
                                        MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY);
        if (status != Z_OK) throw std::bad_alloc();
    }
    ~Deflater() { deflateEnd(this); }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
};

Bytef* input_of(std::string_view data) {
    // zlib's next_in is not const for the sake of old compilers; it is not written to.
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
}

// Offers the next pieces to the stream. avail_in is zero, or what it left of the last piece.
void feed(z_stream& stream, std::string_view& rest) {
    if (stream.avail_in != 0) return;
    stream.next_in = input_of(rest);
    stream.avail_in = static_cast<uInt>(std::min(rest.size(), kPieceBytes));
    rest.remove_prefix(stream.avail_in);
}

// Runs the stream once into the free end of `output`, whose first `used` bytes are taken.
template <typename Step>
int step_into(std::string& output, std::size_t& used, z_stream& stream, Step step) {
    const std::size_t room = std::min(output.size() - used, kPieceBytes);
    stream.next_out = reinterpret_cast<Bytef*>(output.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    const int status = step(stream);
    used += room - stream.avail_out;
    return status;
}

InflateError data_error(const z_stream& stream) {
    // zlib has one code for both; its words have not changed since 1995.
    const bool checksum =
        stream.msg != nullptr && (std::strcmp(stream.msg, "incorrect data check") == 0 ||
                                  std::strcmp(stream.msg, "incorrect length check") == 0);
    return checksum ? InflateError::checksum : InflateError::corrupt;
}

}  // namespace

const char* to_string(InflateError error) {
    switch (error) {
    case InflateError::corrupt: return "corrupt data";
    case InflateError::checksum: return "checksum mismatch";
    case InflateError::truncated: return "truncated data";
    case InflateError::too_large: return "output too large";
    }
    return "";
}

std::expected<std::string, InflateError> inflate(std::string_view data, Format format,
                                                 std::size_t limit) {
    if (format == Format::gzip && data.empty()) return std::string();
    // One byte more than allowed tells a full output from one that is too large.
    const std::size_t most = limit == std::numeric_limits<std::size_t>::max() ? limit : limit + 1;
    Inflater stream(window_bits(format, data));
    std::string output;
    std::size_t used = 0;
    while (true) {
        feed(stream, data);
        if (used == output.size())
            output.resize(std::min(most, std::max(kFirstOutputBytes, used * 2)));
        const int status =
            step_into(output, used, stream, [](z_stream& s) { return ::inflate(&s, Z_NO_FLUSH); });
        if (used > limit) return std::unexpected(InflateError::too_large);
        if (status == Z_MEM_ERROR) throw std::bad_alloc();
        if (status == Z_STREAM_END) {
            const bool more = stream.avail_in != 0 || !data.empty();
            if (format != Format::gzip || !more) break;
            inflateReset(&stream);
        } else if (status == Z_BUF_ERROR) {
            // Neither input nor room for output was of use; room there always was.
            if (stream.avail_in == 0 && data.empty())
                return std::unexpected(InflateError::truncated);
        } else if (status != Z_OK) {
            return std::unexpected(data_error(stream));
        }
    }
    output.resize(used);
    output.shrink_to_fit();
    return output;
}

std::string deflate(std::string_view data, Format format) {
    Deflater stream(format == Format::gzip ? MAX_WBITS + 16 : MAX_WBITS);
    std::string output(deflateBound(&stream, data.size()), '\0');
    std::size_t used = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        feed(stream, data);
        const int flush = data.empty() ? Z_FINISH : Z_NO_FLUSH;
        if (used == output.size()) output.resize(used * 2);
        status =
            step_into(output, used, stream, [flush](z_stream& s) { return ::deflate(&s, flush); });
    }
    output.resize(used);
    output.shrink_to_fit();
    return output;
}

}  // namespace neosocksd
