// What the generator says to a proxy, as a script of steps: a message, and the shape of the reply
// that must follow. A script is made once from the proxy's URL and then played by every
// connection. check_reply() is pure: bytes in, verdict out.
//
//   direct://  socks5://[user:pass@]ip:port  socks4://ip:port  socks4a://ip:port
//   http://[user:pass@]ip:port  forward://ip:port

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "util.h"

namespace neosocksd::bench {

enum class Reply {
    none,
    pair,     // exactly the two bytes `first` and `second`
    socks5,   // success, with an address of any type
    socks4,   // success
    http,     // any 2xx
    byte,     // the byte `first`
    pattern,  // the round trip's bytes, which the worker compares itself
};

struct Step {
    std::string message;
    Reply reply = Reply::none;
    uint8_t first = 0, second = 0;
};

struct Script {
    sockaddr_in peer{};       // where to connect: the proxy, or without one the backend
    std::vector<Step> steps;  // the handshake's, then the mode's
    size_t handshake_steps = 0;
    std::string pattern;  // rr: what is sent and must come back
};

enum class Verdict { incomplete, complete, refused, too_long };

inline Verdict check_reply(const Step& step, std::string_view reply) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(reply[i]); };
    const size_t have = reply.size();
    size_t need = 0;
    bool good = true;
    switch (step.reply) {
    case Reply::none:
    case Reply::pattern: break;
    case Reply::pair:
        need = 2;
        good = have < 2 || (byte(0) == step.first && byte(1) == step.second);
        break;
    case Reply::socks5:
        need = 5;  // enough to know the length
        good = have < 2 || (byte(0) == 5 && byte(1) == 0);
        if (have >= 5) {
            const uint8_t type = byte(3);
            need = type == 1 ? 10 : type == 4 ? 22 : type == 3 ? 7u + byte(4) : 0;
            good = good && need != 0;
        }
        break;
    case Reply::socks4:
        need = 8;
        good = have < 2 || (byte(0) == 0 && byte(1) == 0x5a);
        break;
    case Reply::http: {
        const auto end = reply.find("\r\n\r\n");
        need = end == std::string_view::npos ? have + 1 : end + 4;
        good = have < 12 || (reply.starts_with("HTTP/1.") && reply[9] == '2');
        break;
    }
    case Reply::byte:
        need = 1;
        good = have < 1 || byte(0) == step.first;
        break;
    }
    if (!good) return Verdict::refused;
    if (have < need) return Verdict::incomplete;
    return have == need ? Verdict::complete : Verdict::too_long;
}

inline std::string base64(std::string_view text) {
    static constexpr char kDigits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < text.size(); i += 3) {
        const size_t have = std::min<size_t>(3, text.size() - i);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < have ? static_cast<uint8_t>(text[i + k]) : 0u);
        for (size_t k = 0; k < 4; k++) out += k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

struct ProxyUrl {
    std::string scheme, address, user, password;
};

inline ProxyUrl parse_proxy_url(const std::string& text) {
    const auto separator = text.find("://");
    if (separator == std::string::npos) die("bad proxy URL: %s", text.c_str());
    ProxyUrl url{text.substr(0, separator), text.substr(separator + 3), {}, {}};
    while (url.address.ends_with('/')) url.address.pop_back();
    if (const auto at = url.address.rfind('@'); at != std::string::npos) {
        const std::string credentials = url.address.substr(0, at);
        url.address.erase(0, at + 1);
        const auto colon = credentials.find(':');
        url.user = credentials.substr(0, colon);
        if (colon != std::string::npos) url.password = credentials.substr(colon + 1);
    }
    if (url.user.size() > 255 || url.password.size() > 255) die("user or password too long");
    return url;
}

inline Script make_handshake(const LoadOptions& options) {
    using namespace std::string_literals;
    const ProxyUrl url = parse_proxy_url(options.proxy);
    Script script;
    script.peer = options.target;
    if (url.scheme == "direct") return script;
    script.peer = parse_loopback_address(url.address);
    auto& steps = script.steps;
    const std::string& name = options.target_host;
    if (name.size() > 255) die("target host name too long");
    const auto length = [](const std::string& s) { return static_cast<char>(s.size()); };
    const std::string port(reinterpret_cast<const char*>(&options.target.sin_port), 2);
    const std::string ip(reinterpret_cast<const char*>(&options.target.sin_addr), 4);

    if (url.scheme == "forward") return script;
    if (url.scheme == "socks5") {
        if (url.user.empty()) {
            steps.push_back({"\5\1\0"s, Reply::pair, 5, 0});
        } else {
            steps.push_back({"\5\1\2"s, Reply::pair, 5, 2});
            steps.push_back(
                {"\1"s + length(url.user) + url.user + length(url.password) + url.password,
                 Reply::pair, 1, 0});
        }
        const std::string address = name.empty() ? "\1"s + ip : "\3"s + length(name) + name;
        steps.push_back({"\5\1\0"s + address + port, Reply::socks5});
    } else if (url.scheme == "socks4" || url.scheme == "socks4a") {
        const bool by_name = !name.empty();
        if (by_name && url.scheme == "socks4") die("socks4 cannot send a host name (use socks4a)");
        steps.push_back({"\4\1"s + port + (by_name ? "\0\0\0\1"s : ip) + url.user + '\0' +
                             (by_name ? name + '\0' : ""s),
                         Reply::socks4});
    } else if (url.scheme == "http") {
        char ip_text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &options.target.sin_addr, ip_text, sizeof ip_text);
        const std::string authority =
            (name.empty() ? ip_text : name) + ":" + std::to_string(ntohs(options.target.sin_port));
        std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
        if (!url.user.empty())
            request +=
                "Proxy-Authorization: Basic " + base64(url.user + ":" + url.password) + "\r\n";
        steps.push_back({request + "\r\n", Reply::http});
    } else {
        die("unknown scheme: %s", url.scheme.c_str());
    }
    return script;
}

// The handshake, and then what the backend is asked to do. Round trips repeat the last step.
inline Script make_script(const LoadOptions& options) {
    Script script = make_handshake(options);
    auto& steps = script.steps;
    script.handshake_steps = steps.size();
    switch (options.mode) {
    case Mode::cps: steps.push_back({"X", Reply::byte, 'x'}); break;
    case Mode::rr:
        for (size_t i = 0; i < options.size; i++)
            script.pattern += static_cast<char>(i * 131 + (i >> 8) * 17 + 7);
        steps.push_back({"E" + script.pattern, Reply::pattern});
        steps.push_back({script.pattern, Reply::pattern});
        break;
    case Mode::idle: steps.push_back({"Ei", Reply::byte, 'i'}); break;
    case Mode::up: steps.push_back({"S", Reply::none}); break;
    case Mode::down: steps.push_back({"G", Reply::none}); break;
    }
    return script;
}

}  // namespace neosocksd::bench
