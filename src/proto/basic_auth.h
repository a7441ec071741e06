// HTTP Basic credentials (RFC 7617) and the base64 under them (RFC 4648 section 4).

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neosocksd::proto {

struct Credentials {
    std::string username;
    std::string password;
};

std::string encode_base64(std::string_view bytes);
// Padded and without line breaks; nothing else is accepted.
std::optional<std::string> decode_base64(std::string_view text);

// "Basic dXNlcjpwYXNz"
std::string encode_basic(std::string_view username, std::string_view password);
// The value of a Proxy-Authorization field. The user name ends at the first colon. nullopt for
// another scheme, bad base64, no colon, or more than limits::kBasicCredentialBytes.
std::optional<Credentials> decode_basic(std::string_view value);

}  // namespace neosocksd::proto
