// See name_server.h. What it says is a plain answer, which it then spoils now and then.

#include "fuzz/session/name_server.h"

#include <unistd.h>

#include "fuzz/session/sockets.h"
#include "fuzz/session/stream.h"

namespace neosocksd::fuzz {
namespace {

constexpr std::size_t kHeader = 12;

void append16(std::string& text, unsigned value) {
    text += static_cast<char>(value >> 8);
    text += static_cast<char>(value);
}

}  // namespace

NameServer::NameServer(std::uint64_t seed) : dice_(seed), fd_(open_datagrams()) {}

NameServer::~NameServer() {
    ::close(fd_);
}

std::string NameServer::address() const {
    return "127.0.0.1:" + std::to_string(port_of(fd_));
}

bool NameServer::step() {
    Endpoint from;
    const auto query = receive_datagram(fd_, &from);
    if (!query) return false;
    if (query->size() > kHeader && !dice_.chance(15)) send_datagram(fd_, answer(*query), from);
    return true;
}

// "dns17.test" is 127.1.0.17, as far as this server is to be believed.
std::string NameServer::answer(const std::string& query) {
    unsigned id = 0;
    for (std::size_t i = kHeader + 1; i < query.size() && query[i] >= '0'; i++)
        if (query[i] <= '9') id = id * 10 + static_cast<unsigned>(query[i] - '0');
    const unsigned type = static_cast<unsigned char>(query[query.size() - 3]);
    const bool known = query.find("dns") != std::string::npos && type == 1;
    std::string reply = query.substr(0, 2);
    append16(reply, known || dice_.chance(50) ? 0x8180 : dice_.one_of({0x8183u, 0x8182u}));
    append16(reply, 1);
    append16(reply, known ? 2 : 0);
    append16(reply, 0);
    append16(reply, 0);
    reply += query.substr(kHeader, query.size() - kHeader);
    for (int i = 0; known && i < 2; i++) {
        append16(reply, 0xc00c);
        append16(reply, 1);
        append16(reply, 1);
        append16(reply, 0);
        append16(reply, 60);
        append16(reply, 4);
        reply += loopback(1, 0, id).octets();
    }
    if (dice_.chance(10)) reply.resize(1 + dice_.pick(reply.size() - 1));
    if (dice_.chance(10)) reply[dice_.pick(reply.size())] ^= static_cast<char>(1 + dice_.pick(255));
    return reply;
}

}  // namespace neosocksd::fuzz
