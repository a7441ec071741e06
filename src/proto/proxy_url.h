// The URL of one upstream proxy: scheme://[user[:password]@]host[:port][/ignored]

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace neosocksd::proto {

struct ProxyUrl {
    enum class Scheme : std::uint8_t { http, socks4a, socks5 };

    Scheme scheme = Scheme::socks5;
    HostPort host;
    std::optional<std::string> username;
    std::optional<std::string> password;  // never without a user name

    // User, password and host are percent-decoded. On failure `reason`, if given, says why, without
    // giving a password away.
    static std::optional<ProxyUrl> parse(std::string_view text, std::string* reason = nullptr);
    // "socks5://host:port": credentials are left out, for this ends in logs.
    std::string to_string() const;

    friend bool operator==(const ProxyUrl&, const ProxyUrl&) = default;
};

// Comma-separated, first hop first; empty items are skipped, at most limits::kChainHops remain.
// A comma in credentials must be written %2C.
std::optional<std::vector<ProxyUrl>> parse_proxy_list(std::string_view text,
                                                      std::string* reason = nullptr);

}  // namespace neosocksd::proto
