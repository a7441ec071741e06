// The language in which the tests of protocol machines are written (tests only):
//
//   conversation(server(options))
//       .receives(hex("05 01 00")).sends(hex("05 00"))
//       .receives(hex("05 01 00 01 7f000001 0050")).wants({.text = "127.0.0.1:80"});
//
// The last verb runs the whole conversation: as written; one byte at a time; cut in two at every
// position; with all that the peer says in one segment; and broken off after every byte. Every run
// must say the same bytes at the same points and come to the same end.

#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proto/server.h"
#include "proto/upstream.h"

namespace neosocksd::proto {

// "05 01 00": blanks are for the reader.
inline std::string hex(std::string_view text) {
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

// So that failures show what was said.
inline std::string shown(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        if (c >= 0x20 && c < 0x7f) {
            text += c;
        } else {
            constexpr std::string_view kDigits = "0123456789abcdef";
            const auto octet = static_cast<unsigned char>(c);
            text += "\\x";
            text += kDigits[octet >> 4];
            text += kDigits[octet & 15];
        }
    }
    return text;
}

// What the client of a ServerMachine is expected to have asked for.
struct Want {
    Protocol protocol = Protocol::socks5;
    Command command = Command::connect;
    std::string text;
    std::optional<HostPort> target = std::nullopt;  // default: what `text` says
    bool named = false;
    bool target_valid = true;
    std::optional<std::string> username = std::nullopt;
    std::optional<std::string> password = std::nullopt;
    std::string surplus = {};
};

template <typename Machine>
class Conversation {
public:
    explicit Conversation(std::function<Machine()> make) : make_(std::move(make)) {}

    // The peer says this.
    Conversation& receives(std::string_view bytes) {
        lines_.push_back({true, std::string(bytes)});
        return *this;
    }
    // By now the machine has said exactly this since the last `sends`.
    Conversation& sends(std::string_view bytes) {
        lines_.push_back({false, std::string(bytes)});
        return *this;
    }

    // The verbs that end a conversation, and run it.

    void wants(const Want& want)
        requires std::same_as<Machine, ServerMachine>
    {
        end(Next::request, want.surplus.size(), [&](Machine& machine) {
            const Request& request = machine.request();
            EXPECT_EQ(machine.protocol(), want.protocol);
            EXPECT_EQ(request.protocol, want.protocol);
            EXPECT_EQ(request.command, want.command);
            EXPECT_EQ(request.text, want.text);
            EXPECT_EQ(request.named, want.named);
            EXPECT_EQ(request.target_valid, want.target_valid);
            EXPECT_EQ(request.username, want.username);
            EXPECT_EQ(request.password, want.password);
            EXPECT_EQ(shown(machine.surplus()), shown(want.surplus));
            if (want.target) {
                EXPECT_EQ(request.target, *want.target);
            } else if (want.target_valid) {
                EXPECT_EQ(request.target.to_string(), want.text);
            }
        });
    }

    void refuses(std::string_view why)
        requires std::same_as<Machine, ServerMachine>
    {
        end(Next::refuse, std::nullopt, [&](Machine& machine) {
            EXPECT_EQ(machine.failure(), why);
            EXPECT_EQ(machine.feed("more"), Next::refuse);
            EXPECT_EQ(machine.surplus(), "");
        });
    }

    void establishes(std::string_view surplus = {})
        requires std::same_as<Machine, UpstreamMachine>
    {
        end(UpstreamNext::established, surplus.size(), [&](Machine& machine) {
            EXPECT_EQ(shown(machine.surplus()), shown(surplus));
            EXPECT_EQ(machine.closed(), UpstreamNext::established);
            EXPECT_EQ(machine.feed("more"), UpstreamNext::established);
            EXPECT_EQ(shown(machine.surplus()), shown(std::string(surplus) + "more"));
        });
    }

    void fails(Reply reply, std::string_view why)
        requires std::same_as<Machine, UpstreamMachine>
    {
        end(UpstreamNext::failed, std::nullopt, [&](Machine& machine) {
            EXPECT_EQ(machine.reply(), reply);
            EXPECT_EQ(machine.failure(), why);
            EXPECT_EQ(machine.feed("more"), UpstreamNext::failed);
            EXPECT_EQ(machine.closed(), UpstreamNext::failed);
            EXPECT_EQ(machine.failure(), why);
            EXPECT_EQ(machine.output(), "");
        });
    }

    // The machine needs more than was said.
    void waits() {
        end(decltype(std::declval<Machine&>().feed("")){}, 0, [](Machine&) {});
    }

private:
    struct Line {
        bool received;
        std::string bytes;
    };
    using Cut = std::function<std::vector<std::string_view>(std::string_view, std::size_t at)>;

    // `surplus`: how many of the last bytes are not needed to reach `last`; nullopt if the machine
    // may come to its end before everything is said.
    template <typename Verdict>
    void end(Verdict last, std::optional<std::size_t> surplus,
             const std::function<void(Machine&)>& inspect) {
        run("as written", last, inspect,
            [](std::string_view bytes, std::size_t) { return std::vector{bytes}; });
        run("byte by byte", last, inspect, [](std::string_view bytes, std::size_t) {
            std::vector<std::string_view> pieces;
            for (std::size_t i = 0; i < bytes.size(); ++i) pieces.push_back(bytes.substr(i, 1));
            return pieces;
        });
        const std::string all = everything_received();
        for (std::size_t cut = 1; cut < all.size(); ++cut) {
            run("cut at " + std::to_string(cut), last, inspect,
                [&](std::string_view bytes, std::size_t at) {
                    if (cut <= at || cut >= at + bytes.size()) return std::vector{bytes};
                    return std::vector{bytes.substr(0, cut - at), bytes.substr(cut - at)};
                });
            if (::testing::Test::HasFailure()) return;
        }
        run_in_one_segment(all, last, inspect);
        run_broken_off(all, last, surplus);
    }

    template <typename Verdict>
    void run(const std::string& how, Verdict last, const std::function<void(Machine&)>& inspect,
             const Cut& cut) {
        SCOPED_TRACE(how);
        Machine machine = make_();
        Verdict next = begin(machine);
        std::size_t at = 0;
        for (const Line& line : lines_) {
            if (line.received) {
                for (const auto piece : cut(line.bytes, at)) next = machine.feed(piece);
                at += line.bytes.size();
            } else {
                EXPECT_EQ(shown(std::exchange(machine.output(), {})), shown(line.bytes));
            }
        }
        EXPECT_EQ(shown(machine.output()), "") << "said at the end";
        EXPECT_EQ(next, last) << shown(machine.failure());
        inspect(machine);
    }

    template <typename Verdict>
    void run_in_one_segment(const std::string& all, Verdict last,
                            const std::function<void(Machine&)>& inspect) {
        SCOPED_TRACE("in one segment");
        Machine machine = make_();
        Verdict next = begin(machine);
        if (!all.empty()) next = machine.feed(all);
        std::string said;
        for (const Line& line : lines_)
            if (!line.received) said += line.bytes;
        EXPECT_EQ(shown(std::exchange(machine.output(), {})), shown(said));
        EXPECT_EQ(next, last);
        inspect(machine);
    }

    template <typename Verdict>
    void run_broken_off(const std::string& all, Verdict last, std::optional<std::size_t> surplus) {
        for (std::size_t size = 0; size < all.size(); ++size) {
            SCOPED_TRACE("broken off after " + std::to_string(size));
            Machine machine = make_();
            Verdict next = begin(machine);
            for (const char c : all.substr(0, size)) next = machine.feed({&c, 1});
            if (surplus) {
                EXPECT_EQ(next, size + *surplus >= all.size() ? last : Verdict{});
            } else {
                EXPECT_TRUE(next == last || next == Verdict{});
            }
            if constexpr (std::same_as<Machine, UpstreamMachine>) {
                if (next != UpstreamNext::need_bytes) continue;
                EXPECT_EQ(machine.closed(), UpstreamNext::failed);
                EXPECT_EQ(machine.reply(), Reply::general_failure);
                EXPECT_EQ(machine.failure(), "proxy closed the connection");
            } else {
                EXPECT_EQ(machine.started(), size != 0);
            }
        }
    }

    static auto begin(Machine& machine) {
        if constexpr (std::same_as<Machine, UpstreamMachine>) {
            return machine.start();
        } else {
            return machine.feed("");
        }
    }

    std::string everything_received() const {
        std::string all;
        for (const Line& line : lines_)
            if (line.received) all += line.bytes;
        return all;
    }

    std::function<Machine()> make_;
    std::vector<Line> lines_;
};

template <typename Machine>
Conversation<Machine> conversation(std::function<Machine()> make) {
    return Conversation<Machine>(std::move(make));
}

// Pages say this date in tests.
inline std::time_t test_clock() {
    return 784111777;
}
inline constexpr std::string_view kTestDate = "Sun, 06 Nov 1994 08:49:37 GMT";

inline std::function<ServerMachine()> server(ServerOptions options = {}) {
    options.clock = test_clock;
    return [options] { return ServerMachine(options); };
}

inline std::function<UpstreamMachine()> upstream(std::string_view url, HostPort target) {
    std::string reason;
    const auto hop = ProxyUrl::parse(url, &reason);
    if (!hop) throw std::invalid_argument(reason);
    return [hop = *hop, target = std::move(target)] { return UpstreamMachine(hop, target); };
}

// `target` as HostPort::parse reads it.
inline std::function<UpstreamMachine()> upstream(std::string_view url, std::string_view target) {
    return upstream(url, HostPort::parse(target).value());
}

}  // namespace neosocksd::proto
