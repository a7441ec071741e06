// A name server for tests: a thread on 127.0.0.1 that answers from a table, over UDP and TCP.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

namespace neosocksd::net {

class TestNameServer {
public:
    struct Zone {
        std::vector<IpAddress> addresses{};
        std::string alias{};  // the addresses are those of this name
        std::uint32_t ttl = 300;
        std::uint32_t alias_ttl = 300;
        int code = 0;            // RCODE: 2 is SERVFAIL, 3 is NXDOMAIN
        bool silent = false;     // no answer at all
        bool truncated = false;  // over UDP: come again by TCP
        bool unasked = false;    // addresses of both families, whichever is asked for
    };

    TestNameServer() {
        // The same port for both; another program may hold it for one of them.
        for (int attempt = 0; attempt < 20 && !bind_both(); attempt++) {
        }
        thread_ = std::thread([this] { run(); });
    }
    ~TestNameServer() { stop(); }

    // A name that is not there is NXDOMAIN.
    void add(const std::string& name, Zone zone) {
        const std::lock_guard lock(mutex_);
        zones_[name] = std::move(zone);
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    // Questions about the name, of either type.
    int asked(const std::string& name) {
        const std::lock_guard lock(mutex_);
        return asked_[name];
    }
    // Leaves the port without a server.
    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
        if (udp_ >= 0) ::close(udp_);
        if (tcp_ >= 0) ::close(tcp_);
        udp_ = tcp_ = -1;
    }

private:
    bool bind_both() {
        if (udp_ >= 0) ::close(udp_);
        if (tcp_ >= 0) ::close(tcp_);
        udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_storage storage;
        socklen_t length = Endpoint{IpAddress::v4({127, 0, 0, 1}), 0}.to_sockaddr(storage);
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        if (::bind(udp_, address, length) != 0) return false;
        if (::getsockname(udp_, address, &length) != 0) return false;
        port_ = Endpoint::from_sockaddr(address)->port;
        return ::bind(tcp_, address, length) == 0 && ::listen(tcp_, 16) == 0;
    }

    void run() {
        while (!stopping_) {
            pollfd ready[2] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
            if (::poll(ready, 2, 10) <= 0) continue;
            if (ready[0].revents) serve_udp();
            if (ready[1].revents) serve_tcp();
        }
    }

    void serve_udp() {
        char query[512];
        sockaddr_storage from;
        socklen_t length = sizeof from;
        auto* address = reinterpret_cast<sockaddr*>(&from);
        const ssize_t got = ::recvfrom(udp_, query, sizeof query, 0, address, &length);
        if (got < 12) return;
        const std::string reply = answer({query, static_cast<std::size_t>(got)}, false);
        if (!reply.empty()) ::sendto(udp_, reply.data(), reply.size(), 0, address, length);
    }

    void serve_tcp() {
        const int fd = ::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        // Both questions of one name may come on one connection.
        std::string input;
        char bytes[512];
        pollfd ready{fd, POLLIN, 0};
        while (::poll(&ready, 1, 200) == 1) {
            const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
            if (got <= 0) break;
            input.append(bytes, static_cast<std::size_t>(got));
            while (input.size() >= 2) {
                const std::size_t size = number(input, 0);
                if (input.size() < 2 + size) break;
                std::string reply = answer(std::string_view(input).substr(2, size), true);
                input.erase(0, 2 + size);
                std::string framed;
                append16(framed, static_cast<unsigned>(reply.size()));
                framed += reply;
                [[maybe_unused]] const auto sent =
                    ::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL);
            }
        }
        ::close(fd);
    }

    static std::size_t number(std::string_view bytes, std::size_t at) {
        return static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[at]) << 8 |
                                        static_cast<std::uint8_t>(bytes[at + 1]));
    }
    static void append16(std::string& out, unsigned value) {
        out.push_back(static_cast<char>(value >> 8));
        out.push_back(static_cast<char>(value));
    }
    static void append_name(std::string& out, std::string_view name) {
        while (!name.empty()) {
            const auto dot = std::min(name.find('.'), name.size());
            out.push_back(static_cast<char>(dot));
            out += name.substr(0, dot);
            name.remove_prefix(std::min(dot + 1, name.size()));
        }
        out.push_back('\0');
    }
    static void append_record(std::string& out, std::string_view name, unsigned type,
                              std::uint32_t ttl, std::string_view data) {
        append_name(out, name);
        append16(out, type);
        append16(out, 1);
        append16(out, ttl >> 16);
        append16(out, ttl & 0xffff);
        append16(out, static_cast<unsigned>(data.size()));
        out += data;
    }

    std::string answer(std::string_view query, bool tcp) {
        std::string name;
        std::size_t at = 12;
        while (at < query.size() && query[at] != 0) {
            const auto length = static_cast<std::size_t>(query[at]);
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, length);
            at += 1 + length;
        }
        if (at + 5 > query.size()) return {};
        const auto type = static_cast<unsigned>(number(query, at + 1));
        const std::string_view question = query.substr(12, at + 5 - 12);

        const std::lock_guard lock(mutex_);
        asked_[name]++;
        const auto found = zones_.find(name);
        const Zone zone = found == zones_.end() ? Zone{.code = 3} : found->second;
        if (zone.silent) return {};
        const bool cut = zone.truncated && !tcp;
        std::string records;
        unsigned count = 0;
        if (zone.code == 0 && !cut) {
            const Zone& target = zone.alias.empty() ? zone : zones_[zone.alias];
            const std::string& owner = zone.alias.empty() ? name : zone.alias;
            if (!zone.alias.empty()) {
                std::string canonical;
                append_name(canonical, zone.alias);
                append_record(records, name, 5, zone.alias_ttl, canonical);
                count++;
            }
            for (const IpAddress& address : target.addresses) {
                if (address.is_v4() != (type == 1) && !zone.unasked) continue;
                append_record(records, owner, address.is_v4() ? 1 : 28, target.ttl,
                              address.octets());
                count++;
            }
        }
        std::string reply(query.substr(0, 2));
        append16(reply, 0x8180u | (cut ? 0x0200u : 0u) | static_cast<unsigned>(zone.code));
        append16(reply, 1);
        append16(reply, count);
        append16(reply, 0);
        append16(reply, 0);
        reply += question;
        return reply + records;
    }

    std::mutex mutex_;
    std::map<std::string, Zone> zones_;  // guarded by mutex_
    std::map<std::string, int> asked_;   // guarded by mutex_
    int udp_ = -1;
    int tcp_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace neosocksd::net
