// What decodes is within the limit, decodes alike with exactly that limit, and is given back by
// what it encodes to. The first octet chooses the format and how near the limit is.

#include <array>
#include <string>

#include "base/compress.h"
#include "support.h"

using namespace neosocksd;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.take_octet();
    const Format format = std::array{Format::zlib, Format::gzip, Format::zlib_or_raw}[choice % 3];
    const std::size_t limit = choice < 128 ? 1 << 16 : choice;

    const auto decoded = inflate(input.rest(), format, limit);
    if (decoded) {
        require(decoded->size() <= limit);
        require(inflate(input.rest(), format, decoded->size()) == decoded);
        if (!decoded->empty())
            require(inflate(input.rest(), format, decoded->size() - 1).error() ==
                    InflateError::too_large);
        require(inflate(deflate(*decoded, format), format, limit) == decoded);
        // The formats agree, and what follows is ignored or refused.
        if (format == Format::zlib)
            require(inflate(input.rest(), Format::zlib_or_raw, limit) == decoded);
        const auto followed = inflate(std::string(input.rest()) + "more", format, limit);
        if (format != Format::gzip)
            require(followed == decoded);
        else if (!input.rest().empty())
            require(!followed.has_value());
    }

    const std::string encoded = deflate(input.rest(), format);
    const auto again = inflate(encoded, format, size);
    require(again && *again == input.rest());
    const std::string_view cut = std::string_view(encoded).substr(0, encoded.size() - 1);
    require(inflate(cut, format, size).error() == InflateError::truncated);
    return 0;
}
