// Tested by client_test.cc and tests/e2e/test_ctl.py.

#include "ctl/client.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/unix_address.h"

namespace neosocksd::ctl {
namespace {

using Clock = Client::Clock;

struct Place {
    sockaddr_storage address{};
    socklen_t size = 0;
    std::string host;  // for the Host field
};

std::unexpected<NoAnswer> no_answer(std::string text) {
    return std::unexpected(NoAnswer{std::move(text)});
}

// What a user types: "http://127.0.0.1:9080/" is as good.
std::string_view without_scheme(std::string_view address) {
    if (address.starts_with("http://")) address.remove_prefix(7);
    if (address.ends_with('/')) address.remove_suffix(1);
    return address;
}

// All addresses of it, in the system's order; or why there are none.
std::expected<std::vector<Place>, std::string> places_of(std::string_view text) {
    std::vector<Place> places;
    std::string reason;
    if (UnixAddress::recognises(text)) {
        const auto address = UnixAddress::parse(text, &reason);
        if (!address) return std::unexpected(reason);
        Place& place = places.emplace_back();
        place.size = address->to_sockaddr(place.address);
        place.host = "localhost";
        return places;
    }
    text = without_scheme(text);
    std::string_view host;
    std::string_view port;
    if (!split_host_port(text, host, port) || port.empty())
        return std::unexpected(fmt::format("`{}' is no address: HOST:PORT or unix:/PATH", text));
    const std::string node(host.empty() ? "127.0.0.1" : host);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(node.c_str(), std::string(port).c_str(), &hints, &found))
        return std::unexpected(fmt::format("cannot resolve {}: {}", text, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
        const auto endpoint = Endpoint::from_sockaddr(entry->ai_addr);
        if (!endpoint) continue;
        Place& place = places.emplace_back();
        place.size = endpoint->to_sockaddr(place.address);
        // An address is a Host that the server never refuses; a name may be (--api-host).
        place.host = endpoint->to_string();
    }
    return places;
}

}  // namespace

struct Client::Connection {
    std::span<const int> cut_short;
    Clock::time_point due;
    std::string host;
    int fd = -1;

    enum class Ready : unsigned char { yes, timeout, cut };

    // Waits for one of `events` on the socket.
    Ready wait(short events) const {
        std::vector<pollfd> descriptors{{fd, events, 0}};
        for (const int other : cut_short) descriptors.push_back({other, POLLIN, 0});
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
            if (left.count() <= 0) return Ready::timeout;
            const int ready =
                ::poll(descriptors.data(), descriptors.size(), static_cast<int>(left.count()));
            if (ready < 0 && errno != EINTR) return Ready::timeout;
            for (std::size_t i = 1; i < descriptors.size(); i++)
                if (ready > 0 && descriptors[i].revents != 0) return Ready::cut;
            if (ready > 0) return Ready::yes;
        }
    }
};

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/@,";
    std::string result;
    for (const char c : text) {
        if (kPlain.find(c) != kPlain.npos)
            result += c;
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

std::string query_of(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
    std::string result;
    for (const auto& [name, value] : values)
        if (!value.empty())
            result += fmt::format("{}{}={}", result.empty() ? '?' : '&', percent_encoded(name),
                                  percent_encoded(value));
    return result;
}

std::string to_bytes(const Request& request, std::string_view host, std::string_view token) {
    std::string bytes = fmt::format(
        "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: deflate\r\n",
        request.method, request.target, host);
    if (!request.accept.empty()) bytes += fmt::format("Accept: {}\r\n", request.accept);
    if (!token.empty()) bytes += fmt::format("Authorization: Bearer {}\r\n", token);
    if (!request.content_type.empty())
        bytes += fmt::format("Content-Type: {}\r\n", request.content_type);
    if (request.method == "POST") {
        std::string body = request.body;
        if (body.size() > limits::kApiBodyBytes) {
            body = api::encode_body(std::move(body), api::Coding::deflate);
            bytes += "Content-Encoding: deflate\r\n";
        }
        return fmt::format("{}Content-Length: {}\r\n\r\n{}", bytes, body.size(), body);
    }
    return bytes + "\r\n";
}

Client::Client(std::string address, std::string token, Clock::duration timeout)
    : address_(std::move(address)), token_(std::move(token)), timeout_(timeout) {}

std::expected<Answer, NoAnswer> Client::ask(const Request& request,
                                            std::span<const int> cut_short) {
    Connection connection{cut_short, Clock::now() + timeout_, {}};
    const auto socket = connect(connection);
    if (!socket) return std::unexpected(socket.error());
    return exchange(connection, to_bytes(request, connection.host, token_));
}

std::expected<Descriptor, NoAnswer> Client::connect(Connection& connection) {
    const auto places = places_of(address_);
    if (!places) return no_answer(places.error());
    int error = EADDRNOTAVAIL;
    for (const Place& place : *places) {
        Descriptor socket(
            ::socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        connection.fd = socket.get();
        connection.host = place.host;
        const auto* address = reinterpret_cast<const sockaddr*>(&place.address);
        if (socket.get() >= 0 && ::connect(socket.get(), address, place.size) == 0) return socket;
        error = errno;
        if (socket.get() < 0 || error != EINPROGRESS) continue;
        switch (connection.wait(POLLOUT)) {
        case Connection::Ready::cut: return no_answer({});
        case Connection::Ready::timeout: error = ETIMEDOUT; continue;
        case Connection::Ready::yes: break;
        }
        socklen_t size = sizeof error;
        ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0) return socket;
    }
    return no_answer(
        fmt::format("cannot connect to {}: {}\nIs it running, with `--api {}'? `ctl --api "
                    "ADDRESS' asks another one.",
                    address_, std::strerror(error), without_scheme(address_)));
}

// Reads while it sends: a server that refuses a request answers before it has taken all of it.
std::expected<Answer, NoAnswer> Client::exchange(Connection& connection, const std::string& bytes) {
    AnswerReader reader;
    std::string_view unsent = bytes;
    std::vector<char> buffer(64 * 1024);
    auto next = AnswerReader::Next::need_bytes;
    while (next == AnswerReader::Next::need_bytes) {
        switch (connection.wait(static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT))) {
        case Connection::Ready::cut: return no_answer({});
        case Connection::Ready::timeout:
            return no_answer(fmt::format("{} did not answer within {} s", address_,
                                         std::chrono::duration<double>(timeout_).count()));
        case Connection::Ready::yes: break;
        }
        if (!unsent.empty()) {
            const ssize_t sent = ::send(connection.fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
            if (sent > 0) unsent.remove_prefix(static_cast<std::size_t>(sent));
            // An answer may have come before the connection was reset.
            if (sent < 0 && errno != EAGAIN && errno != EINTR) unsent = {};
        }
        const ssize_t got = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
        if (got > 0)
            next = reader.feed({buffer.data(), static_cast<std::size_t>(got)});
        else if (got == 0)
            next = reader.end_of_stream();
        else if (errno != EAGAIN && errno != EINTR)
            return no_answer(
                fmt::format("the connection to {} broke: {}", address_, std::strerror(errno)));
    }
    auto answer = reader.take();
    if (!answer) return no_answer(fmt::format("{}: {}", address_, answer.error()));
    return std::move(*answer);
}

}  // namespace neosocksd::ctl
