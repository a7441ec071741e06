// Base64 must give back what it was given, and credentials must survive being sent.

#include "proto/basic_auth.h"

#include "base/limits.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    const std::string_view bytes = input.rest();
    require(decode_base64(encode_base64(bytes)) == bytes);
    if (const auto decoded = decode_base64(bytes))
        require(decode_base64(encode_base64(*decoded)) == decoded);
    if (const auto credentials = decode_basic(bytes)) {
        require(credentials->username.size() + credentials->password.size() <
                limits::kBasicCredentialBytes);
        const auto again = decode_basic(encode_basic(credentials->username, credentials->password));
        require(again && again->username == credentials->username &&
                again->password == credentials->password);
    }
    return 0;
}
