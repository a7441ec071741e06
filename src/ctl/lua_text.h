// What /ruleset/rpcall answers is Lua source: `return true,1,"a",{1,2,}` or `return false,"why"`.
// Taken apart here without running it: it is another program's text.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::ctl {

struct RpcResults {
    bool ok = false;
    // As print() would show them: strings without their quotes, all else as source.
    std::vector<std::string> values;
};

// nullopt: it is something else.
std::optional<RpcResults> parse_rpc_answer(std::string_view text);

}  // namespace neosocksd::ctl
