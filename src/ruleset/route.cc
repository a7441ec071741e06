// What a script says of where to go is checked here, value by value: a wrong one is named, with its
// place, for the log. Tested by route_test.cc.

#include "ruleset/route.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace neosocksd::ruleset {

std::optional<Route> read_route(lua_State* lua, int first,
                                const std::vector<proto::ProxyUrl>& first_hops,
                                std::string& reason) {
    reason.clear();
    const int count = lua_gettop(lua) - first + 1;
    if (count <= 0 || lua_isnil(lua, first)) return std::nullopt;
    const auto fail = [&](std::string why) {
        reason = std::move(why);
        return std::nullopt;
    };
    if (static_cast<std::size_t>(count) > limits::kRouteValues)
        return fail(fmt::format("{} values, at most {}", count, limits::kRouteValues));
    for (int i = 0; i < count; i++) {
        if (!lua_isstring(lua, first + i))
            return fail(fmt::format("value {} is a {}, not an address", i + 1,
                                    luaL_typename(lua, first + i)));
        if (to_string_view(lua, first + i).size() > limits::kRouteValueBytes)
            return fail(
                fmt::format("value {} is longer than {} bytes", i + 1, limits::kRouteValueBytes));
    }
    auto target = HostPort::parse(to_string_view(lua, first), &reason);
    if (!target) return std::nullopt;
    Route route{std::move(*target), first_hops};
    route.chain.reserve(first_hops.size() + static_cast<std::size_t>(count) - 1);
    for (int i = count - 1; i > 0; i--) {
        auto hop = proto::ProxyUrl::parse(to_string_view(lua, first + i), &reason);
        if (!hop) return std::nullopt;
        route.chain.push_back(std::move(*hop));
    }
    return route;
}

}  // namespace neosocksd::ruleset
