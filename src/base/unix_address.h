// The address of a Unix domain socket, as options give it: "unix:/run/proxy.sock", "unix:./proxy"
// (a path, absolute or from the working directory), or "unix:@name" (Linux's abstract names, which
// need no file).
//
// "unix:1080" is an ordinary HOST:PORT whose host is called "unix", as in 1.4.2. Anything else
// behind "unix:" was meant for a Unix socket and is wrong.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace neosocksd {

struct UnixAddress {
    std::string path;  // or the abstract name, without its '@'
    bool abstract = false;

    // Whether `text` is meant to be one; parse() may find it wrong.
    static bool recognises(std::string_view text);
    static std::optional<UnixAddress> parse(std::string_view text, std::string* reason = nullptr);

    // Fills `storage`, returns the length that bind(2) and connect(2) want.
    socklen_t to_sockaddr(sockaddr_storage& storage) const;
    std::string to_string() const;  // as it was parsed

    friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

}  // namespace neosocksd
