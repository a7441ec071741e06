#include "api/rpc_request.h"

#include <random>

#include <gtest/gtest.h>

#include "base/compress.h"
#include "base/limits.h"

namespace neosocksd::api {
namespace {

TEST(RpcRequest, is_what_1_4_2_sends) {
    EXPECT_EQ(rpc_request(kRpcCallPath, "return rpc.echo(\"hi\")"),
              "POST /ruleset/rpcall HTTP/1.1\r\n"
              "Accept-Encoding: deflate\r\n"
              "Content-Length: 21\r\n"
              "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
              "\r\n"
              "return rpc.echo(\"hi\")");
    EXPECT_EQ(rpc_request(kRpcInvokePath, ""),
              "POST /ruleset/invoke HTTP/1.1\r\n"
              "Accept-Encoding: deflate\r\n"
              "Content-Length: 0\r\n"
              "Content-Type: application/x-neosocksd-rpc; version=1\r\n"
              "\r\n");
}

TEST(RpcRequest, is_compressed_from_256_bytes_on) {
    const auto plain = rpc_request(kRpcCallPath, std::string(255, 'x'));
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->find("Content-Encoding"), std::string::npos);
    EXPECT_TRUE(plain->ends_with("\r\n\r\n" + std::string(255, 'x')));

    const auto packed = rpc_request(kRpcCallPath, std::string(256, 'x'));
    ASSERT_TRUE(packed);
    const auto end = packed->find("\r\n\r\n");
    const std::string head = packed->substr(0, end);
    const std::string body = packed->substr(end + 4);
    EXPECT_TRUE(head.ends_with("version=1\r\nContent-Encoding: deflate")) << head;
    EXPECT_NE(head.find("Content-Length: " + std::to_string(body.size()) + "\r\n"),
              std::string::npos);
    EXPECT_EQ(body[0], 0x78);  // zlib, not raw DEFLATE
    EXPECT_EQ(inflate(body, Format::zlib, 1000), std::string(256, 'x'));
}

TEST(RpcRequest, is_refused_where_no_peer_would_take_it) {
    std::string noise(limits::kApiBodyBytes + 4096, '\0');
    std::minstd_rand random(1);
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_FALSE(rpc_request(kRpcCallPath, noise));
    EXPECT_TRUE(rpc_request(kRpcCallPath, std::string(limits::kApiBodyBytes + 4096, 'x')));
}

}  // namespace
}  // namespace neosocksd::api
