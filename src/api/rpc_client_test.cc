#include "api/rpc_client.h"

#include <thread>

#include "net/dialer_fixture.h"

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRequestHead =
    "POST /ruleset/rpcall HTTP/1.1\r\n"
    "Accept-Encoding: deflate\r\n"
    "Content-Length: 8\r\n"
    "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
    "\r\n";
const std::string kOk =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-neosocksd-rpc; version=1\r\n"
    "Content-Length: 11\r\n\r\nreturn true";

class RpcClientTest : public net::DialerTest {
protected:
    using Answer = std::expected<std::string, std::string>;

    ruleset::Route to(const Endpoint& endpoint) const {
        return {HostPort::literal(endpoint), chain};
    }
    Answer call(const Endpoint& endpoint, std::string code = "return 1") {
        net::Started<Answer> calling(loop);
        calling.start(client.call(std::move(code), to(endpoint)));
        return calling.wait();
    }
    void TearDown() override {
        stop_client();
        net::DialerTest::TearDown();
    }
    void stop_client() {
        net::Started<bool> stopping(loop);
        stopping.start(stop_task(client));
        stopping.wait();
    }
    static io::Task<bool> stop_task(RpcClient& client) {
        co_await client.stop();
        co_return true;
    }
    // What arrives at a listener until its sender stops; then the answer.
    static std::string take_request(io::Listener& listener, std::string_view answer) {
        io::await_events(listener.fd(), POLLIN);
        io::Peer peer(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        std::string text;
        char buffer[4096];
        for (ssize_t got; (got = ::recv(peer.fd(), buffer, sizeof buffer, 0)) > 0;)
            text.append(buffer, static_cast<std::size_t>(got));
        ::send(peer.fd(), answer.data(), answer.size(), MSG_NOSIGNAL);
        return text;
    }

    RpcClient client{loop, dialer, 10s};
};

TEST_P(RpcClientTest, sends_a_call_and_brings_the_answer) {
    net::Script script;
    script.talk.push_back({std::string(kRequestHead) + "return 1", kOk});
    for (const bool byte_by_byte : {false, true}) {
        script.byte_by_byte = byte_by_byte;
        net::ScriptedHop peer(script);
        EXPECT_EQ(call(peer.endpoint()), Answer("return true"));
        EXPECT_TRUE(peer.finish());
    }
    EXPECT_EQ(client.counters().requests, 2u);
    EXPECT_EQ(client.counters().tx_bytes, 2 * (kRequestHead.size() + 8));
    EXPECT_EQ(client.counters().rx_bytes, 2 * kOk.size());
}

TEST_P(RpcClientTest, goes_through_a_chain) {
    for (const auto scheme : net::kSchemes) {
        const HostPort target = HostPort::named("api.neosocksd.internal", 80);
        net::Script script = net::chain_script({scheme}, target);
        script.talk.push_back({std::string(kRequestHead) + "return 1", kOk});
        net::ScriptedHop hop(script);
        net::Started<Answer> calling(loop);
        calling.start(client.call("return 1", {target, net::chain_urls({scheme}, hop.endpoint())}));
        EXPECT_EQ(calling.wait(), Answer("return true"));
        EXPECT_TRUE(hop.finish());
    }
}

TEST_P(RpcClientTest, reads_to_the_end_of_the_stream) {
    net::Script script;
    script.talk.push_back({std::string(kRequestHead) + "return 1",
                           "HTTP/1.1 200 OK\r\nContent-Type: application/x-neosocksd-rpc; "
                           "version=1\r\n\r\nreturn 7"});
    script.close = true;
    net::ScriptedHop peer(script);
    EXPECT_EQ(call(peer.endpoint()), Answer("return 7"));
}

TEST_P(RpcClientTest, says_when_nobody_is_there) {
    const net::RefusingPort port;
    EXPECT_EQ(call(port.endpoint()).error(), "failed connecting to server");
    net::Started<Answer> calling(loop);
    calling.start(client.call("", {HostPort::named("no such name", 80), {}}));
    EXPECT_EQ(calling.wait().error(), "failed connecting to server");
}

TEST_P(RpcClientTest, says_when_the_answer_is_cut_off) {
    for (const std::string& answer :
         {std::string(), kOk.substr(0, 20), kOk.substr(0, kOk.size() - 1)}) {
        net::Script script;
        script.talk.push_back({std::string(kRequestHead) + "return 1", answer});
        script.close = true;
        net::ScriptedHop peer(script);
        EXPECT_EQ(call(peer.endpoint()).error(), "error receiving response");
    }
}

TEST_P(RpcClientTest, gives_up_after_the_timeout) {
    RpcClient hasty(loop, dialer, 50ms);
    const io::Listener silent;
    const net::SilentPort unreachable;
    for (const Endpoint& endpoint : {silent.endpoint(), unreachable.endpoint()}) {
        net::Started<Answer> calling(loop);
        calling.start(hasty.call("return 1", to(endpoint)));
        EXPECT_EQ(calling.wait().error(), "timeout");
    }
    net::Started<bool> stopping(loop);
    stopping.start(stop_task(hasty));
    stopping.wait();
}

TEST_P(RpcClientTest, refuses_what_no_peer_would_take) {
    std::string noise(limits::kApiBodyBytes + 4096, '\0');
    std::uint32_t state = 1;
    for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    EXPECT_EQ(call(Endpoint{}, std::move(noise)).error(), "request too large");
}

TEST_P(RpcClientTest, ends_with_its_caller) {
    const io::Listener silent;
    net::Started<Answer> calling(loop);
    calling.start(client.call("return 1", to(silent.endpoint())));
    io::turn(loop);
    calling.cancel(ECANCELED);
    EXPECT_EQ(calling.wait().error(), "cancelled");
}

TEST_P(RpcClientTest, is_stopped_with_calls_and_messages_in_flight) {
    const io::Listener silent;
    net::Started<Answer> calling(loop);
    calling.start(client.call("return 1", to(silent.endpoint())));
    client.invoke("x = 1", to(silent.endpoint()));
    io::turn(loop);
    stop_client();
    EXPECT_EQ(calling.wait().error(), "cancelled");
    EXPECT_EQ(call(silent.endpoint()).error(), "cancelled");
    client.invoke("x = 1", to(silent.endpoint()));
}

TEST_P(RpcClientTest, bounds_the_calls_in_flight) {
    const io::Listener silent(1024);
    std::vector<std::unique_ptr<net::Started<Answer>>> calls;
    for (std::size_t i = 0; i < limits::kRpcCalls; i++) {
        calls.push_back(std::make_unique<net::Started<Answer>>(loop));
        calls.back()->start(client.call("return 1", to(silent.endpoint())));
    }
    EXPECT_EQ(call(silent.endpoint()).error(), "too many calls");
    stop_client();
}

TEST_P(RpcClientTest, bounds_the_messages_in_flight) {
    const io::Listener silent(1024);
    for (std::size_t i = 0; i < limits::kRpcMessages + 10; i++)
        client.invoke("x = 1", to(silent.endpoint()));
    EXPECT_EQ(client.counters().requests, limits::kRpcMessages);
    stop_client();
}

TEST_P(RpcClientTest, sends_a_message_closes_its_side_and_ignores_the_answer) {
    io::Listener listener;
    std::string request;
    std::thread peer([&] { request = take_request(listener, std::string(100000, 'x')); });
    client.invoke("x = 1 --", to(listener.endpoint()));
    // The peer's thread ends only when our side of the stream has.
    EXPECT_TRUE(io::run_until(loop, [&] { return client.counters().tx_bytes > 0; }));
    io::turn(loop);
    peer.join();
    stop_client();
    EXPECT_EQ(request,
              "POST /ruleset/invoke HTTP/1.1\r\n"
              "Accept-Encoding: deflate\r\n"
              "Content-Length: 8\r\n"
              "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
              "\r\n"
              "x = 1 --");
}

ON_BOTH_ENGINES(RpcClientTest);

}  // namespace
}  // namespace neosocksd::api
