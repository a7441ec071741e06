// The bytes of an outgoing RPC request: exactly those that 1.4.2 sends (spec/rpc.md section 2).

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neosocksd::api {

inline constexpr std::string_view kRpcCallPath = "/ruleset/rpcall";
inline constexpr std::string_view kRpcInvokePath = "/ruleset/invoke";

// Code of 256 bytes or more travels compressed. nullopt: larger than any peer accepts, which is
// limits::kApiBodyBytes on the wire.
std::optional<std::string> rpc_request(std::string_view path, std::string_view code);

}  // namespace neosocksd::api
