// Both replies of a BIND, and the one of UDP ASSOCIATE: whatever a hop says, in whatever segments,
// the machine comes to the same end and never waits for a closed connection.
// Input: command, seed of the segmentation, then the hop's bytes.

#include "proto/upstream.h"

#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

// Feeds a machine, asking for the second reply as soon as the first has come.
class Asker {
public:
    explicit Asker(Command command) : machine_(hop(), HostPort::literal({}), command) {
        second_ = command != Command::bind;
    }
    void feed(std::string_view bytes) {
        auto next = machine_.feed(bytes);
        if (next != UpstreamNext::established || second_) return;
        second_ = true;
        first_ = machine_.bound();
        machine_.expect_second_reply();
    }
    UpstreamMachine& machine() { return machine_; }
    const HostPort& first() const { return first_; }

private:
    static ProxyUrl hop() {
        ProxyUrl url;
        url.host = HostPort::named("hop", 1080);
        return url;
    }
    UpstreamMachine machine_;
    HostPort first_;
    bool second_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Command command = input.take_octet() % 2 == 0 ? Command::bind : Command::udp_associate;
    const std::uint8_t seed = input.take_octet();
    Asker whole(command);
    Asker pieces(command);
    whole.feed(input.rest());
    fuzz::cut(input.rest(), seed, [&](std::string_view piece) { pieces.feed(piece); });
    const auto next = whole.machine().closed();
    require(next != UpstreamNext::need_bytes);
    require(pieces.machine().closed() == next);
    require(pieces.first() == whole.first());
    require(pieces.machine().bound() == whole.machine().bound());
    require(pieces.machine().reply() == whole.machine().reply());
    require(pieces.machine().failure() == whole.machine().failure());
    require(pieces.machine().output() == whole.machine().output());
    require(pieces.machine().surplus() == whole.machine().surplus());
    return 0;
}
