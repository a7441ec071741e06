// The media type of RPC bodies: application/x-neosocksd-rpc; version=1. Unchanged since 1.4.2.

#pragma once

#include <string_view>

namespace neosocksd::api {

inline constexpr std::string_view kRpcContentType = "application/x-neosocksd-rpc; version=1";

// Whether the value of a Content-Type field names it: in any case of letters, with the value quoted
// or not, among other parameters.
bool is_rpc_content_type(std::string_view value);

}  // namespace neosocksd::api
