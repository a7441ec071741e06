// neosocksd.set: constructors of matchers over native sets, for long lists.
//
//   domain(names [, hosts])   names with all below them, hosts only themselves
//   host(hosts)
//   domaintree(tree)          nested tables by label from the top, true = this and all below
//   domain_file(path)                                   each -> function("host:port") -> boolean
//   subnet(cidrs), subnet_file(path)                    -> function(integer) -> boolean
//   subnet6(cidrs), subnet6_file(path)                  -> function(high, low) -> boolean
//   geoip(database, country, ...), asn(database, number, ...)
//                             -> function("host:port" | integer | high, low) -> boolean
//   info(matcher)             -> {kind=, entries=, bytes=}
//
// Where there are several, a single text or an array is taken. Errors have the position of the
// caller. A matcher is complete when its constructor returns, and never changes: a rule that looks
// it up again sees the old one or the new one.

#include "ruleset/bind.h"
#include "ruleset/modules.h"
#include "ruleset/set_object.h"

namespace neosocksd::ruleset {

int open_set(lua_State* lua) {
    register_set_objects(lua);
    constexpr luaL_Reg functions[] = {
        row<set_domain>("domain"),
        row<set_host>("host"),
        row<set_domaintree>("domaintree"),
        row<set_domain_file>("domain_file"),
        row<set_subnet>("subnet"),
        row<set_subnet6>("subnet6"),
        row<set_subnet_file>("subnet_file"),
        row<set_subnet6_file>("subnet6_file"),
        row<set_info>("info"),
        {nullptr, nullptr},
    };
    luaL_newlib(lua, functions);
    add_geo_functions(lua);
    return 1;
}

}  // namespace neosocksd::ruleset
