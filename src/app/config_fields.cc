// Tested by config_fields_test.cc.

#include "app/config_fields.h"

#include <cstdint>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "app/config_omitted.h"

namespace neosocksd::app {
namespace {

using ruleset::FieldValue;
using Text = std::optional<std::string>;

// One field: how it is read from the options, and set. A text that is not set is an empty optional.
struct Field {
    const char* name;
    std::variant<bool, std::int64_t, double, Text> (*get)(const Options&);
    void (*set)(Options&, const FieldValue&);
};

template <auto Member>
constexpr Field flag(const char* name) {
    return {name, [](const Options& o) -> decltype(Field::get(o)) { return bool(o.*Member); },
            [](Options& o, const FieldValue& value) { o.*Member = std::get<bool>(value); }};
}

template <auto Member>
constexpr Field integer(const char* name) {
    using Type = std::remove_cvref_t<decltype(std::declval<Options>().*Member)>;
    return {name,
            [](const Options& o) -> decltype(Field::get(o)) { return std::int64_t(o.*Member); },
            [](Options& o, const FieldValue& value) {
                o.*Member = static_cast<Type>(std::get<std::int64_t>(value));
            }};
}

template <auto Member>
constexpr Field text(const char* name) {
    return {name,
            [](const Options& o) -> decltype(Field::get(o)) {
                const Text value = o.*Member;
                return value && value->empty() ? Text() : value;
            },
            [](Options& o, const FieldValue& value) { o.*Member = std::get<std::string>(value); }};
}

template <auto Member>
constexpr Field startup(const char* name) {
    return {name, [](const Options& o) -> decltype(Field::get(o)) { return o.startups.*Member; },
            [](Options& o, const FieldValue& value) {
                o.startups.*Member = std::get<std::int64_t>(value);
            }};
}

template <auto Member>
constexpr Field block(const char* name) {
    return {name,
            [](const Options& o) -> decltype(Field::get(o)) { return o.block_outbound.*Member; },
            [](Options& o, const FieldValue& value) {
                o.block_outbound.*Member = std::get<bool>(value);
            }};
}

constexpr int kKeepaliveDefault = 120;

const Field kFields[] = {
    text<&Options::listen>("listen"),
    text<&Options::forward>("forward"),
    text<&Options::proxy>("proxy"),
    text<&Options::api>("restapi"),
    {"http_listen",
     [](const Options& o) -> decltype(Field::get(o)) {
         return o.http_listen ? o.http_listen : o.http ? o.listen : Text();
     },
     [](Options& o, const FieldValue& value) {
         o.http = true;
         o.http_listen = std::get<std::string>(value);
     }},
    text<&Options::user>("user_name"),
    text<&Options::nameserver>("nameserver"),
    text<&Options::netdev>("netdev"),
    integer<&Options::loglevel>("loglevel"),
    integer<&Options::family>("resolve_pf"),
    integer<&Options::memlimit>("memlimit"),
    integer<&Options::sndbuf_bytes>("tcp_sndbuf"),
    integer<&Options::rcvbuf_bytes>("tcp_rcvbuf"),
    integer<&Options::max_sessions>("max_sessions"),
    startup<&Startups::start>("startup_limit_start"),
    startup<&Startups::rate>("startup_limit_rate"),
    startup<&Startups::full>("startup_limit_full"),
    {"timeout", [](const Options& o) -> decltype(Field::get(o)) { return o.timeout_seconds; },
     [](Options& o, const FieldValue& value) { o.timeout_seconds = std::get<double>(value); }},
    flag<&Options::auth_required>("auth_required"),
    {"pipe", [](const Options& o) -> decltype(Field::get(o)) { return o.relay != RelayMode::copy; },
     [](Options& o, const FieldValue& value) {
         o.relay = std::get<bool>(value) ? RelayMode::adaptive : RelayMode::copy;
     }},
    flag<&Options::reuseport>("reuseport"),
    flag<&Options::fastopen>("tcp_fastopen"),
    flag<&Options::fastopen_connect>("tcp_fastopen_connect"),
    flag<&Options::nodelay>("tcp_nodelay"),
    {"tcp_keepalive",
     [](const Options& o) -> decltype(Field::get(o)) { return o.keepalive_seconds > 0; },
     [](Options& o, const FieldValue& value) {
         o.keepalive_seconds = !std::get<bool>(value)    ? 0
                               : o.keepalive_seconds > 0 ? o.keepalive_seconds
                                                         : kKeepaliveDefault;
     }},
    flag<&Options::tproxy>("transparent"),
    flag<&Options::traceback>("traceback"),
    flag<&Options::socks5_bind>("socks5_bind"),
    flag<&Options::socks5_udp>("socks5_udp"),
    flag<&Options::daemonize>("daemonize"),
    block<&BlockOutbound::loopback>("block_loopback"),
    block<&BlockOutbound::multicast>("block_multicast"),
    block<&BlockOutbound::local>("block_local"),
    block<&BlockOutbound::global>("block_global"),
};

// The value of the field on top of the stack as the type that the options hold.
FieldValue read_value(lua_State* lua, const Field& field, const Options& options) {
    const auto held = field.get(options);
    if (std::holds_alternative<bool>(held)) {
        if (!lua_isboolean(lua, -1))
            luaL_error(lua, "boot: field `%s' must be a boolean", field.name);
        return lua_toboolean(lua, -1) != 0;
    }
    if (std::holds_alternative<std::int64_t>(held)) {
        int is_integer = 0;
        const lua_Integer value =
            lua_type(lua, -1) == LUA_TNUMBER ? lua_tointegerx(lua, -1, &is_integer) : 0;
        if (!is_integer) luaL_error(lua, "boot: field `%s' must be an integer", field.name);
        if (value < 0 || value > std::numeric_limits<int>::max())
            luaL_error(lua, "boot: field `%s' is out of range", field.name);
        return static_cast<std::int64_t>(value);
    }
    if (std::holds_alternative<double>(held)) {
        if (lua_type(lua, -1) != LUA_TNUMBER)
            luaL_error(lua, "boot: field `%s' must be a number", field.name);
        return static_cast<double>(lua_tonumber(lua, -1));
    }
    if (lua_type(lua, -1) != LUA_TSTRING)
        luaL_error(lua, "boot: field `%s' must be a string", field.name);
    return std::string(ruleset::to_string_view(lua, -1));
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (byte < 32 || byte == 127)
            out += fmt::format("\\{:03}", byte);
        else
            out += c;
    }
    return out + "\"";
}

}  // namespace

ruleset::Fields config_fields(const Options& options) {
    ruleset::Fields fields;
    const auto add = [&](const char* name, const FieldValue& value) {
        fields.emplace_back(name, value);
    };
    for (const Field& field : kFields) {
        const auto value = field.get(options);
        if (const auto* truth = std::get_if<bool>(&value)) add(field.name, *truth);
        if (const auto* number = std::get_if<std::int64_t>(&value)) add(field.name, *number);
        if (const auto* real = std::get_if<double>(&value)) add(field.name, *real);
        if (const auto* words = std::get_if<Text>(&value); words && *words)
            add(field.name, **words);
    }
    if (options.api) add("api", *options.api);  // as 1.4.2 called it
    if (!options.ruleset.empty()) add("ruleset", options.ruleset);
    return fields;
}

void read_config_fields(lua_State* lua, Options& options) {
    for (const Field& field : kFields) {
        if (lua_getfield(lua, -1, field.name) != LUA_TNIL)
            field.set(options, read_value(lua, field, options));
        lua_pop(lua, 1);
    }
}

std::vector<std::string> differing_fields(const Options& one, const Options& other) {
    std::vector<std::string> names;
    for (const Field& field : kFields)
        if (field.get(one) != field.get(other)) names.emplace_back(field.name);
    return names;
}

std::string dump_config(const Options& options) {
    std::string out = "return {\n";
    for (const auto& [name, value] : config_fields(options)) {
        if (std::string_view(name) == "api" || std::string_view(name) == "ruleset") continue;
        // The one listener, which is http_listen: read back, both would be two.
        if (std::string_view(name) == "listen" && options.http && !options.http_listen) continue;
        out += fmt::format("    {} = ", name);
        if (const auto* truth = std::get_if<bool>(&value)) out += *truth ? "true" : "false";
        if (const auto* number = std::get_if<std::int64_t>(&value)) out += std::to_string(*number);
        if (const auto* real = std::get_if<double>(&value)) out += fmt::format("{}", *real);
        if (const auto* words = std::get_if<std::string>(&value)) out += quoted(*words);
        out += ",\n";
    }
    for (const std::string_view name : options_without_field(options))
        out += fmt::format("    -- not representable: {}\n", name);
    return out + "}\n";
}

}  // namespace neosocksd::app
