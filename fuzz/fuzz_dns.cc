// Answers of name servers, through c-ares and the resolver as a worker has them: a name server on
// loopback sends what the input says, then, so that nothing waits for long, a refusal. Whatever
// comes, each question is answered once, with no more addresses than there may be, of the family
// that was asked for.
// Input: options, then for each question of the resolver a length and bytes: with an odd length
// octet all of the message behind its id, else what follows the echoed question (flags and counts
// first).

#include <algorithm>
#include <array>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/task_group.h"
#include "net/resolver.h"
#include "support.h"

using namespace neosocksd;
using fuzz::require;

namespace {

constexpr std::size_t kHeader = 12;

class Server {
public:
    Server() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        require(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0);
        require(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
        port_ = ntohs(address.sin_port);
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    void step(fuzz::Input& input) {
        std::array<char, 4096> buffer;
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const ssize_t got = ::recvfrom(fd_, buffer.data(), buffer.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &length);
        if (got <= static_cast<ssize_t>(kHeader)) return;
        const std::string_view query(buffer.data(), static_cast<std::size_t>(got));
        const auto send = [&](const std::string& reply) {
            ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
                     length);
        };
        const std::uint8_t size = input.take_octet();
        if (size > 0) send(reply_to(query, (size & 1) != 0, input.take(size * std::size_t{2})));
        std::string refusal(query);
        refusal[2] = static_cast<char>(0x81);
        refusal[3] = static_cast<char>(0x83);  // no such name
        send(refusal);
    }

private:
    static std::string reply_to(std::string_view query, bool whole, std::string_view said) {
        std::string reply(query.substr(0, 2));
        if (whole) return reply += said;
        std::string head(said.substr(0, kHeader - 2));
        head.resize(kHeader - 2, '\0');
        // An answer to one question, in one message: else nobody reads further.
        head[0] = static_cast<char>(head[0] | 0x80);
        head[2] = 0;
        head[3] = 1;
        // The question without the additional record behind it.
        const std::size_t name = query.find('\0', kHeader);
        reply += head;
        reply += query.substr(kHeader, name + 5 - kHeader);
        return reply += said.substr(std::min(said.size(), kHeader - 2));
    }

    int fd_;
    std::uint16_t port_ = 0;
};

struct Question {
    int answers = 0;
};

io::Task<void> ask(net::Resolver& resolver, int family, Question& question) {
    auto resolving = resolver.resolve("www.example.org");
    const auto found = co_await std::move(resolving);
    question.answers++;
    if (!found) co_return;
    require(!found->empty() && found->size() <= limits::kResolverAddresses);
    for (const IpAddress& address : *found)
        require(family == AF_UNSPEC || address.is_v4() == (family == AF_INET));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Server server;
    static io::Loop loop(io::EngineChoice::epoll);
    fuzz::Input input(data, size);
    net::ResolverOptions options;
    options.family = std::array{AF_UNSPEC, AF_INET, AF_INET6}[input.take_octet() % 3];
    options.nameservers = server.address();
    options.timeout = std::chrono::milliseconds(250);
    options.tries = 1;
    options.hosts_path = "/dev/null";
    net::Resolver resolver(loop, options);
    // The second waits for the same answer, or finds it in the cache.
    std::array<Question, 2> questions;
    io::TaskGroup group;
    for (Question& question : questions) group.spawn(ask(resolver, options.family, question));
    while (!group.empty()) {
        server.step(input);
        loop.run_once(std::chrono::microseconds(100));
    }
    for (const Question& question : questions) require(question.answers == 1);
    group.spawn(resolver.stop());
    while (!group.empty()) loop.run_once(std::chrono::milliseconds(1));
    return 0;
}
