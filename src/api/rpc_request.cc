// Tested by rpc_request_test.cc.

#include "api/rpc_request.h"

#include <fmt/format.h>

#include "api/media_type.h"
#include "base/compress.h"
#include "base/limits.h"

namespace neosocksd::api {

std::optional<std::string> rpc_request(std::string_view path, std::string_view code) {
    const bool compressed = code.size() >= limits::kRpcCompressBytes;
    std::string payload = compressed ? deflate(code, Format::zlib) : std::string(code);
    if (payload.size() > limits::kApiBodyBytes) return std::nullopt;
    return fmt::format(
        "POST {} HTTP/1.1\r\n"
        "Accept-Encoding: deflate\r\n"
        "Content-Length: {}\r\n"
        "Content-Type: {}\r\n"
        "{}\r\n{}",
        path, payload.size(), kRpcContentType, compressed ? "Content-Encoding: deflate\r\n" : "",
        payload);
}

}  // namespace neosocksd::api
