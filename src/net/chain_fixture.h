// A proxy chain that plays a script: one thread on loopback, which speaks for each hop in turn,
// since all of them are reached through one connection.

#pragma once

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "io/engine_fixture.h"
#include "proto/proxy_url.h"

namespace neosocksd::net {

inline constexpr std::array kSchemes{proto::ProxyUrl::Scheme::http,
                                     proto::ProxyUrl::Scheme::socks4a,
                                     proto::ProxyUrl::Scheme::socks5};

// Exactly these bytes are expected, then the reply is sent.
struct Exchange {
    std::string expected;
    std::string reply;
};

struct Script {
    std::vector<Exchange> talk;
    bool byte_by_byte = false;
    bool close = false;  // when it is over, rather than wait for the other side to close
};

// The name by which a hop behind the first is known.
inline HostPort hop_name(std::size_t place) {
    return HostPort::named("hop" + std::to_string(place) + ".example", 1080);
}

inline std::vector<proto::ProxyUrl> chain_urls(const std::vector<proto::ProxyUrl::Scheme>& schemes,
                                               const Endpoint& first) {
    std::vector<proto::ProxyUrl> urls;
    for (std::size_t i = 0; i < schemes.size(); i++) {
        proto::ProxyUrl url;
        url.scheme = schemes[i];
        url.host = i == 0 ? HostPort::literal(first) : hop_name(i);
        urls.push_back(std::move(url));
    }
    return urls;
}

inline std::string port_octets(std::uint16_t port) {
    return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

// What a willing hop hears and says when it is asked for a name.
inline void add_handshake(Script& script, proto::ProxyUrl::Scheme scheme, const HostPort& next) {
    switch (scheme) {
    case proto::ProxyUrl::Scheme::http:
        script.talk.push_back(
            {"CONNECT " + next.to_string() + " HTTP/1.1\r\nHost: " + next.to_string() + "\r\n\r\n",
             "HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n"});
        return;
    case proto::ProxyUrl::Scheme::socks4a:
        script.talk.push_back({std::string("\x04\x01", 2) + port_octets(next.port) +
                                   std::string("\0\0\0\xff\0", 5) + next.name + '\0',
                               std::string("\0\x5a\0\0\0\0\0\0", 8)});
        return;
    case proto::ProxyUrl::Scheme::socks5:
        script.talk.push_back({std::string("\x05\x01\0", 3), std::string("\x05\0", 2)});
        script.talk.push_back({std::string("\x05\x01\0\x03", 4) +
                                   static_cast<char>(next.name.size()) + next.name +
                                   port_octets(next.port),
                               std::string("\x05\0\0\x01\0\0\0\0\0\0", 10)});
        return;
    }
}

inline Script chain_script(const std::vector<proto::ProxyUrl::Scheme>& schemes,
                           const HostPort& target) {
    Script script;
    for (std::size_t i = 0; i < schemes.size(); i++)
        add_handshake(script, schemes[i], i + 1 < schemes.size() ? hop_name(i + 1) : target);
    return script;
}

class ScriptedHop {
public:
    explicit ScriptedHop(Script script) : script_(std::move(script)), thread_([this] { play(); }) {}
    ~ScriptedHop() { finish(); }

    const Endpoint& endpoint() const { return listener_.endpoint(); }
    bool said_all() const { return said_all_; }
    // Waits for the end of the script, and of the connection. False if it went otherwise.
    bool finish() {
        if (thread_.joinable()) thread_.join();
        return as_written_;
    }

private:
    void play() {
        io::await_events(listener_.fd(), POLLIN);
        const io::Peer peer(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        io::set_option(peer.fd(), IPPROTO_TCP, TCP_NODELAY);
        for (const Exchange& exchange : script_.talk) {
            if (!hear(peer.fd(), exchange.expected)) return;
            const std::size_t step = script_.byte_by_byte ? 1 : exchange.reply.size();
            for (std::size_t at = 0; at < exchange.reply.size(); at += step)
                ::send(peer.fd(), exchange.reply.data() + at, step, MSG_NOSIGNAL);
        }
        as_written_ = true;
        said_all_ = true;
        if (script_.close) return;
        io::await_events(peer.fd(), POLLIN);
        char more;
        // Not a byte more than the script says, then the end or a reset.
        as_written_ = ::recv(peer.fd(), &more, 1, 0) <= 0;
    }
    static bool hear(int fd, const std::string& expected) {
        std::string heard(expected.size(), '\0');
        if (expected.empty()) return true;
        const ssize_t got = ::recv(fd, heard.data(), heard.size(), MSG_WAITALL);
        EXPECT_EQ(heard.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0))), expected);
        return heard == expected;
    }

    io::Listener listener_;
    Script script_;
    bool as_written_ = false;
    std::atomic<bool> said_all_ = false;
    std::thread thread_;
};

}  // namespace neosocksd::net
