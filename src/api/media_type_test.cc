#include "api/media_type.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

TEST(RpcMediaType, is_recognised_in_every_spelling) {
    for (const char* value :
         {"application/x-neosocksd-rpc; version=1", "application/x-neosocksd-rpc;version=1",
          "Application/X-NeoSocksd-RPC; Version=1", "application/x-neosocksd-rpc; version=\"1\"",
          "application/x-neosocksd-rpc ; charset=utf-8 ; version=1",
          "application/x-neosocksd-rpc; a=\"x;version=2\"; version=1; b=c"})
        EXPECT_TRUE(is_rpc_content_type(value)) << value;
}

TEST(RpcMediaType, refuses_other_types_and_versions) {
    for (const char* value :
         {"", "text/plain", "application/x-neosocksd-rpc", "application/x-neosocksd-rpc; version=2",
          "application/x-neosocksd-rpc; version=", "application/x-neosocksd-rpc; version=11",
          "application/x-neosocksd-rpc; version", "application/x-neosocksd-rpcs; version=1",
          "application/x-neosocksd-rpc; a=\"; version=1\"", ";version=1",
          "application/x-neosocksd-rpc; version=\"", "text/plain; version=1"})
        EXPECT_FALSE(is_rpc_content_type(value)) << value;
}

}  // namespace
}  // namespace neosocksd::api
