// Matchers of names: neosocksd.set.domain, host, domaintree, domain_file. Tested by sets_test.cc.

#include <memory>
#include <string>
#include <utility>

#include "ruleset/bind.h"
#include "ruleset/list_file.h"
#include "ruleset/set_object.h"

namespace neosocksd::ruleset {
namespace {

class DomainObject : public SetObject {
public:
    DomainObject(const char* kind, DomainSet set) : kind_(kind), set_(std::move(set)) {}

    const char* kind() const override { return kind_; }
    std::size_t entries() const override { return set_.size(); }
    std::size_t bytes() const override { return set_.bytes(); }
    bool contains(std::string_view host) const { return set_.contains(host); }

private:
    const char* kind_;
    DomainSet set_;
};

int ask(lua_State* lua) {
    lua_pushboolean(lua, this_set<DomainObject>(lua).contains(check_host(lua, 1)));
    return 1;
}

int push(lua_State* lua, const char* kind, DomainSet set) {
    return push_matcher(lua, std::make_unique<DomainObject>(kind, std::move(set)), bind<ask>);
}

void check_added(lua_State* lua, const std::expected<void, const char*>& added,
                 std::string_view name) {
    if (!added) raise(lua, std::string(added.error()) + ' ' + quote(name));
}

void add_suffixes(lua_State* lua, int index, DomainSet::Builder& builder) {
    for_each_text(lua, index, [lua, &builder](std::string_view name) {
        check_added(lua, builder.add_suffix(name), name);
    });
}

void add_hosts(lua_State* lua, int index, DomainSet::Builder& builder) {
    for_each_text(lua, index, [lua, &builder](std::string_view name) {
        check_added(lua, builder.add_host(name), name);
    });
}

// The table on top holds what is below `name`. Only what a name of the request can say is used:
// keys that are labels, with true or a table. Others never matched and still do not.
void add_tree(lua_State* lua, const std::string& name, int depth, DomainSet::Builder& builder) {
    if (depth == limits::kDomainTreeDepth) raise(lua, "domain tree is too deep");
    luaL_checkstack(lua, 4, "domain tree is too deep");
    for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1)) {
        if (lua_type(lua, -2) != LUA_TSTRING) continue;
        const std::string_view label = to_string_view(lua, -2);
        if (label.empty() || label.find('.') != label.npos) continue;
        std::string below(label);
        if (!name.empty()) below += '.' + name;
        if (lua_istable(lua, -1))
            add_tree(lua, below, depth + 1, builder);
        else if (lua_isboolean(lua, -1) && lua_toboolean(lua, -1))
            check_added(lua, builder.add_suffix(below), below);
    }
}

}  // namespace

int set_domain(lua_State* lua) {
    DomainSet::Builder builder;
    add_suffixes(lua, 1, builder);
    if (!lua_isnoneornil(lua, 2)) add_hosts(lua, 2, builder);
    return push(lua, "domain", builder.build());
}

int set_host(lua_State* lua) {
    DomainSet::Builder builder;
    add_hosts(lua, 1, builder);
    return push(lua, "host", builder.build());
}

int set_domaintree(lua_State* lua) {
    if (!lua_istable(lua, 1)) raise(lua, "domain tree should be a table");
    lua_settop(lua, 1);
    DomainSet::Builder builder;
    add_tree(lua, {}, 0, builder);
    return push(lua, "domaintree", builder.build());
}

int set_domain_file(lua_State* lua) {
    auto set = load_domain_file(luaL_checkstring(lua, 1));
    if (!set) raise(lua, set.error());
    return push(lua, "domain", std::move(*set));
}

}  // namespace neosocksd::ruleset
