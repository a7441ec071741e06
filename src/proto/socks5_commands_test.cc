// What a SOCKS5 hop is asked for other than CONNECT.

#include "proto/conversation.h"

namespace neosocksd::proto {
namespace {

std::function<UpstreamMachine()> asking(Command command, std::string_view url,
                                        std::string_view target) {
    const auto hop = ProxyUrl::parse(url).value();
    const auto where = HostPort::parse(target).value();
    return [hop, where, command] { return UpstreamMachine(hop, where, command); };
}

TEST(Socks5Commands, associates) {
    conversation(asking(Command::udp_associate, "socks5://hop", "0.0.0.0:0"))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(hex("05 03 00 01 00000000 0000"))
        .receives(hex("05 00 00 01 c0000201 1234"))
        .establishes();
}

TEST(Socks5Commands, associates_with_credentials) {
    conversation(asking(Command::udp_associate, "socks5://joe:pw@hop", "0.0.0.0:0"))
        .sends(hex("05 02 00 02"))
        .receives(hex("05 02"))
        .sends(hex("01 03") + "joe" + hex("02") + "pw")
        .receives(hex("01 00"))
        .sends(hex("05 03 00 01 00000000 0000"))
        .receives(hex("05 00 00 04 20010db8000000000000000000000001 1234"))
        .establishes();
}

TEST(Socks5Commands, asks_for_a_port) {
    conversation(asking(Command::bind, "socks5://hop", "peer.test:21"))
        .sends(hex("05 01 00"))
        .receives(hex("05 00"))
        .sends(hex("05 02 00 03 09") + "peer.test" + hex("0015"))
        .receives(hex("05 00 00 01 c0000201 1234"))
        .establishes();
}

TEST(Socks5Commands, passes_on_that_a_hop_knows_no_such_command) {
    for (const Command command : {Command::bind, Command::udp_associate})
        conversation(asking(command, "socks5://hop", "0.0.0.0:0"))
            .sends(hex("05 01 00"))
            .receives(hex("05 00"))
            .sends(hex(command == Command::bind ? "05 02" : "05 03") + hex("00 01 00000000 0000"))
            .receives(hex("05 07"))
            .fails(Reply::command_not_supported, "SOCKS5 request rejected: 0x07");
}

TEST(Socks5Commands, are_not_for_hops_of_other_protocols) {
    for (const char* hop : {"http://hop", "socks4a://hop"})
        conversation(asking(Command::udp_associate, hop, "192.0.2.1:1"))
            .fails(Reply::command_not_supported, "only SOCKS5 hops can do that");
}

TEST(Socks5Commands, tell_the_bound_address) {
    struct Row {
        std::string reply;
        const char* bound;
    };
    const Row kRows[] = {
        {hex("05 00 00 01 c0000201 1234"), "192.0.2.1:4660"},
        {hex("05 00 00 04 20010db8000000000000000000000001 1234"), "[2001:db8::1]:4660"},
        {hex("05 00 00 03 03") + "hop" + hex("1234"), "hop:4660"},
    };
    for (const Row& row : kRows) {
        UpstreamMachine machine = asking(Command::bind, "socks5://hop", "0.0.0.0:0")();
        machine.feed(hex("05 00"));
        for (const char c : row.reply) machine.feed({&c, 1});
        EXPECT_EQ(machine.bound().to_string(), row.bound);
    }
}

// The replies of a BIND, cut at `cut`; the machine is asked to go on as soon as it can.
std::string second_bound(const std::string& replies, std::size_t cut) {
    UpstreamMachine machine = asking(Command::bind, "socks5://hop", "0.0.0.0:0")();
    machine.feed(hex("05 00"));
    int established = 0;
    auto next = UpstreamNext::need_bytes;
    for (const std::string& piece : {replies.substr(0, cut), replies.substr(cut)}) {
        if (piece.empty()) continue;
        next = machine.feed(piece);
        while (next == UpstreamNext::established && established < 2)
            if (++established == 1) next = machine.expect_second_reply();
    }
    EXPECT_EQ(next, UpstreamNext::established) << cut;
    return machine.bound().to_string() + " " + machine.surplus();
}

TEST(Socks5Commands, read_two_replies_however_they_are_cut) {
    const std::string replies =
        hex("05 00 00 01 c0000201 1234") + hex("05 00 00 01 c0000209 4321") + "banner";
    for (std::size_t cut = 0; cut <= replies.size(); cut++)
        EXPECT_EQ(second_bound(replies, cut), "192.0.2.9:17185 banner") << cut;
}

TEST(Socks5Commands, fail_at_the_second_reply) {
    for (const auto& [reply, code] :
         {std::pair{"05 06", Reply::ttl_expired}, std::pair{"05 01", Reply::general_failure},
          std::pair{"04", Reply::general_failure}}) {
        UpstreamMachine machine = asking(Command::bind, "socks5://hop", "0.0.0.0:0")();
        machine.feed(hex("05 00 05 00 00 01 c0000201 1234"));
        ASSERT_EQ(machine.expect_second_reply(), UpstreamNext::need_bytes);
        EXPECT_EQ(machine.feed(hex(reply)), UpstreamNext::failed);
        EXPECT_EQ(machine.reply(), code);
    }
    UpstreamMachine machine = asking(Command::bind, "socks5://hop", "0.0.0.0:0")();
    machine.feed(hex("05 00 05 00 00 01 c0000201 1234"));
    machine.expect_second_reply();
    EXPECT_EQ(machine.closed(), UpstreamNext::failed);
}

}  // namespace
}  // namespace neosocksd::proto
