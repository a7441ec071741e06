#include "api/rpc_response.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using Result = std::expected<std::string, std::string>;

const std::string kType = "Content-Type: application/x-neosocksd-rpc; version=1\r\n";

std::unexpected<std::string> error(std::string text) {
    return std::unexpected(std::move(text));
}

std::string with_length(const std::string& head, const std::string& body) {
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// As it comes; then cut at every byte; then cut off after every byte.
void expect(const std::string& bytes, const Result& wanted, bool close_delimited = false) {
    SCOPED_TRACE(bytes.substr(0, 400));
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(bytes.size(), 2000); cut++) {
        RpcResponse response;
        response.feed(std::string_view(bytes).substr(0, cut));
        response.feed(std::string_view(bytes).substr(cut));
        response.end_of_stream();
        ASSERT_EQ(response.result(), wanted) << "cut at " << cut;
    }
    RpcResponse bytewise;
    auto next = RpcResponse::Next::need_bytes;
    for (const char& c : bytes) next = bytewise.feed({&c, 1});
    if (next == RpcResponse::Next::need_bytes) {
        EXPECT_EQ(bytewise.end_of_stream(), RpcResponse::Next::done);
    }
    EXPECT_EQ(bytewise.result(), wanted);
    for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 2000); size++) {
        RpcResponse response;
        if (response.feed(std::string_view(bytes).substr(0, size)) == RpcResponse::Next::done) {
            EXPECT_EQ(response.result(), wanted) << "decided after " << size;
            continue;
        }
        EXPECT_EQ(response.end_of_stream(), RpcResponse::Next::done);
        if (close_delimited && response.result()) {
            EXPECT_TRUE(wanted->starts_with(*response.result()));
        } else {
            EXPECT_EQ(response.result(), error("error receiving response"))
                << "ends after " << size;
        }
    }
}

const std::string kOk = "HTTP/1.1 200 OK\r\n" + kType;

TEST(RpcResponse, brings_the_body_of_a_recorded_answer) {
    expect(
        "HTTP/1.1 200 OK\r\n"
        "Date: Sun, 22 Nov 2026 16:45:20 GMT\r\n"
        "Connection: close\r\n"
        "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
        "Content-Length: 14\r\n"
        "\r\n"
        "return true,01",
        "return true,01");
}

TEST(RpcResponse, decodes_what_was_compressed) {
    const std::string text = "return true,\"" + std::string(300, 'x') + "\"";
    for (const auto& [name, bytes] :
         {std::pair<std::string, std::string>{"deflate", deflate(text, Format::zlib)},
          {"DEFLATE", deflate(text, Format::zlib)},
          {"gzip", deflate(text, Format::gzip)},
          {"identity", text}})
        expect(with_length(kOk + "Content-Encoding: " + name + "\r\n", bytes), text);
}

TEST(RpcResponse, accepts_raw_deflate) {
    const std::string zlib = deflate("return true", Format::zlib);
    const std::string raw = zlib.substr(2, zlib.size() - 6);
    expect(with_length(kOk + "Content-Encoding: deflate\r\n", raw), "return true");
}

TEST(RpcResponse, refuses_other_types_whatever_they_hold) {
    for (const char* type :
         {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-neosocksd-rpc\r\n",
          "Content-Type: application/x-neosocksd-rpc; version=2\r\n"})
        expect(with_length(std::string("HTTP/1.1 200 OK\r\n") + type, "x"),
               error("unsupported content-type"));
}

TEST(RpcResponse, takes_every_2xx_for_success) {
    expect(with_length("HTTP/1.1 201 Created\r\n" + kType, "return true"), "return true");
    expect("HTTP/1.1 204 No Content\r\n" + kType + "\r\n", "");
}

TEST(RpcResponse, may_be_empty) {
    expect(kOk + "Content-Length: 0\r\n\r\n", "");
}

TEST(RpcResponse, ends_with_the_stream_where_no_length_is_given) {
    expect(kOk + "\r\nreturn true,1", "return true,1", true);
    expect("HTTP/1.0 200 OK\r\n" + kType + "\r\nreturn true,1", "return true,1", true);
}

TEST(RpcResponse, decodes_chunks) {
    expect(
        kOk +
            "Transfer-Encoding: chunked\r\n\r\n6;x=y\r\nreturn\r\n5\r\n true\r\n0\r\nA: b\r\n\r\n",
        "return true");
}

TEST(RpcResponse, refuses_what_it_cannot_read) {
    const auto unusable = error("error parsing response");
    expect(with_length(kOk + "Content-Encoding: br\r\n", "x"), unusable);
    expect(with_length(kOk + "Content-Encoding: deflate, gzip\r\n", "x"), unusable);
    expect(kOk + "Content-Length: 1x\r\n\r\n", unusable);
    expect(kOk + "Content-Length: -1\r\n\r\n", unusable);
    expect(kOk + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", unusable);
    expect(kOk + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", unusable);
    expect(kOk + "Transfer-Encoding: gzip\r\n\r\n", unusable);
    expect(kOk + "Content-Length: 4194305\r\n\r\n", unusable);
    expect(with_length(kOk + "Content-Encoding: deflate\r\n", "not deflate"), unusable);
    std::string damaged = deflate(std::string(300, 'x'), Format::zlib);
    damaged.back() ^= 1;
    expect(with_length(kOk + "Content-Encoding: deflate\r\n", damaged), unusable);
    std::string cut_off = deflate(std::string(300, 'x'), Format::gzip);
    cut_off.resize(cut_off.size() - 9);
    expect(with_length(kOk + "Content-Encoding: gzip\r\n", cut_off), unusable);
}

TEST(RpcResponse, is_no_larger_than_4_mib) {
    const std::string body(limits::kApiBodyBytes, 'x');
    RpcResponse exact;
    EXPECT_EQ(exact.feed(with_length(kOk, body)), RpcResponse::Next::done);
    EXPECT_EQ(exact.result(), Result(body));

    RpcResponse endless;
    endless.feed(kOk + "\r\n" + body);
    EXPECT_EQ(endless.feed("x"), RpcResponse::Next::done);
    EXPECT_EQ(endless.result(), error("error parsing response"));
}

TEST(RpcResponse, does_not_inflate_without_end) {
    const std::string bomb = deflate(std::string(limits::kInflatedBytes + 1, 'x'), Format::zlib);
    ASSERT_LT(bomb.size(), limits::kApiBodyBytes);
    RpcResponse response;
    response.feed(with_length(kOk + "Content-Encoding: deflate\r\n", bomb));
    EXPECT_EQ(response.result(), error("error parsing response"));
}

TEST(RpcResponse, passes_on_the_message_of_a_peer) {
    expect(with_length("HTTP/1.1 500 Internal Server Error\r\n" + kType, "(rpc):1: boom"),
           error("(rpc):1: boom"));
}

TEST(RpcResponse, names_the_status_where_there_is_no_message) {
    expect(with_length("HTTP/1.1 500 Internal Server Error\r\n" + kType, ""),
           error("HTTP/1.1 500 Internal Server Error"));
    expect("HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n(rpc):1: x",
           error("HTTP/1.1 500 Internal Server Error"));
    expect("HTTP/1.1 404 Not Found\r\n\r\n", error("HTTP/1.1 404 Not Found"));
    expect("HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", error("HTTP/1.0 302 Found"));
    expect("HTTP/1.1 100 Continue\r\n\r\n", error("HTTP/1.1 100 Continue"));
    expect("HTTP/1.1 503\r\n\r\n", error("HTTP/1.1 503"));
}

TEST(RpcResponse, is_broken_when_it_is_no_http) {
    const auto broken = error("error receiving response");
    expect("", broken);
    expect("SSH-2.0-OpenSSH_9.2\r\n\r\n", broken);
    expect("HTTP/2 200 OK\r\n\r\n", broken);
    expect("HTTP/1.1 2000 OK\r\n\r\n", broken);
    expect("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", broken);
    expect("HTTP/1.1 200 OK\n\n", broken);
    expect(kOk + "Content-Length: 5\r\n\r\nx", broken);
    expect(kOk + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", broken);
    expect("HTTP/1.1 200 OK\r\nA: " + std::string(limits::kHttpHeadBytes, 'x') + "\r\n\r\n",
           broken);
}

}  // namespace
}  // namespace neosocksd::api
