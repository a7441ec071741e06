// Matchers of addresses as numbers: neosocksd.set.subnet, subnet6 and their files. Tested by
// sets_test.cc.

#include <limits>
#include <memory>
#include <utility>

#include "ruleset/bind.h"
#include "ruleset/list_file.h"
#include "ruleset/set_object.h"

namespace neosocksd::ruleset {
namespace {

template <typename Set>
class SubnetObject : public SetObject {
public:
    explicit SubnetObject(Set set) : set_(std::move(set)) {}

    const char* kind() const override {
        return std::is_same_v<Set, PrefixSet4> ? "subnet" : "subnet6";
    }
    std::size_t entries() const override { return set_.size(); }
    std::size_t bytes() const override { return set_.bytes(); }
    const Set& set() const { return set_; }

private:
    Set set_;
};

using Subnet4Object = SubnetObject<PrefixSet4>;
using Subnet6Object = SubnetObject<PrefixSet6>;

int ask4(lua_State* lua) {
    const lua_Integer address = luaL_checkinteger(lua, 1);
    const bool possible = address >= 0 && address <= std::numeric_limits<std::uint32_t>::max();
    lua_pushboolean(lua, possible && this_set<Subnet4Object>(lua).set().contains(
                                         static_cast<std::uint32_t>(address)));
    return 1;
}

int ask6(lua_State* lua) {
    const auto high = static_cast<std::uint64_t>(luaL_checkinteger(lua, 1));
    const auto low = static_cast<std::uint64_t>(luaL_checkinteger(lua, 2));
    lua_pushboolean(lua, this_set<Subnet6Object>(lua).set().contains(high, low));
    return 1;
}

template <typename Set>
int push(lua_State* lua, Set set) {
    constexpr bool kV4 = std::is_same_v<Set, PrefixSet4>;
    return push_matcher(lua, std::make_unique<SubnetObject<Set>>(std::move(set)),
                        kV4 ? bind<ask4> : bind<ask6>);
}

template <typename Set>
int from_list(lua_State* lua) {
    Set set;
    for_each_text(lua, 1, [lua, &set](std::string_view text) {
        auto subnet = parse_subnet(text, false);
        if (subnet && subnet->ip.is_v4() != std::is_same_v<Set, PrefixSet4>)
            subnet = invalid_subnet(text);
        if (!subnet) raise(lua, subnet.error());
        add_subnet(set, *subnet);
    });
    set.seal();
    return push(lua, std::move(set));
}

template <typename Set>
int from_file(lua_State* lua, Parsed<Set> set) {
    if (!set) raise(lua, set.error());
    return push(lua, std::move(*set));
}

}  // namespace

int set_subnet(lua_State* lua) {
    return from_list<PrefixSet4>(lua);
}
int set_subnet6(lua_State* lua) {
    return from_list<PrefixSet6>(lua);
}

int set_subnet_file(lua_State* lua) {
    return from_file(lua, load_subnet_file(luaL_checkstring(lua, 1)));
}

int set_subnet6_file(lua_State* lua) {
    return from_file(lua, load_subnet6_file(luaL_checkstring(lua, 1)));
}

}  // namespace neosocksd::ruleset
