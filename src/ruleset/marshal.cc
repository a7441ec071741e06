// Writes Lua values as source text. Every value comes back as it was, bit by bit, but for the float
// 0.0, which becomes the integer 0; tables lose their metatables and what they share.
// Tested by marshal_test.cc and fuzz_marshal.

#include "ruleset/marshal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/limits.h"
#include "ruleset/bind.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

// Larger integers are written in hexadecimal, which is then shorter.
constexpr lua_Unsigned kDecimalMax = 999'999'999'999;

class Marshaller {
public:
    Marshaller(lua_State* lua, std::string& text) : lua_(lua), text_(text), begin_(text.size()) {}

    // `index` is absolute.
    void value(int index);

private:
    void integer(lua_Integer value);
    void floating(lua_Number value);
    void string(std::string_view bytes);
    void table(int index);
    // One level more than the present one, for the parser of the text.
    void check_depth();
    // The message on top of the stack, without a position: the mistake is in the data.
    [[noreturn]] void raise();
    void check_size(std::size_t more);

    lua_State* lua_;
    std::string& text_;
    const std::size_t begin_;
    // The tables around the present one.
    std::array<const void*, limits::kMarshalDepth> path_;
    int depth_ = 0;
};

void Marshaller::raise() {
    lua_error(lua_);
    __builtin_unreachable();
}

void Marshaller::check_size(std::size_t more) {
    if (text_.size() - begin_ + more <= limits::kMarshalBytes) return;
    lua_pushfstring(lua_, "marshalled text exceeds %d bytes",
                    static_cast<int>(limits::kMarshalBytes));
    raise();
}

void Marshaller::check_depth() {
    if (depth_ < limits::kMarshalDepth) return;
    // As Lua's parser would say of the text.
    lua_pushliteral(lua_, "C stack overflow");
    raise();
}

void Marshaller::value(int index) {
    switch (lua_type(lua_, index)) {
    case LUA_TNIL: text_ += "nil"; break;
    case LUA_TBOOLEAN: text_ += lua_toboolean(lua_, index) ? "true" : "false"; break;
    case LUA_TNUMBER:
        if (lua_isinteger(lua_, index))
            integer(lua_tointeger(lua_, index));
        else
            floating(lua_tonumber(lua_, index));
        break;
    case LUA_TSTRING: string(to_string_view(lua_, index)); break;
    case LUA_TTABLE: table(index); break;
    default:
        lua_pushfstring(lua_, "%s is not marshallable", luaL_tolstring(lua_, index, nullptr));
        raise();
    }
    check_size(0);
}

void Marshaller::integer(lua_Integer value) {
    // The magnitude, also of the smallest integer, which has no positive twin: read back, the
    // hexadecimal wraps around to it, without a sign.
    const bool negative = value < 0;
    const auto bits = static_cast<lua_Unsigned>(value);
    const lua_Unsigned magnitude = negative ? 0 - bits : bits;
    if (negative && value != LUA_MININTEGER) {
        check_depth();
        text_ += '-';
    }
    const bool decimal = magnitude <= kDecimalMax;
    if (!decimal) text_ += "0x";
    std::array<char, 24> digits;
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), magnitude, decimal ? 10 : 16);
    text_.append(digits.data(), end);
}

void Marshaller::floating(lua_Number value) {
    // The operand of a sign or of a division is one level deeper, as a table's entry is.
    if (std::signbit(value) || !std::isfinite(value)) check_depth();
    if (std::isnan(value)) {
        text_ += "0/0";
        return;
    }
    if (value == 0) {
        text_ += std::signbit(value) ? "-0.0" : "0";
        return;
    }
    if (std::signbit(value)) text_ += '-';
    if (std::isinf(value)) {
        text_ += "1/0";
        return;
    }
    // Subnormal numbers are made normal first, so that one form does for all: 0x1.8p+0.
    int exponent = 0;
    const lua_Number mantissa = std::frexp(std::fabs(value), &exponent) * 2;
    exponent--;
    std::array<char, 40> digits;
    char* const last = digits.data() + digits.size();
    const auto written = std::to_chars(digits.data(), last, mantissa, std::chars_format::hex);
    text_ += "0x";
    text_.append(digits.data(), std::find(digits.data(), written.ptr, 'p'));
    text_ += exponent < 0 ? "p" : "p+";
    text_.append(digits.data(), std::to_chars(digits.data(), last, exponent).ptr);
}

void Marshaller::string(std::string_view bytes) {
    // Before it is copied: it may be many times longer than what is allowed.
    check_size(bytes.size());
    text_ += '"';
    for (const char c : bytes) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\' || c == '\n') {
            text_ += '\\';
            text_ += c;
        } else if (octet < 32 || octet == 127) {
            // Three digits always: one more may follow in the string.
            text_ +=
                {'\\', static_cast<char>('0' + octet / 100),
                 static_cast<char>('0' + octet / 10 % 10), static_cast<char>('0' + octet % 10)};
        } else {
            text_ += c;
        }
    }
    text_ += '"';
}

void Marshaller::table(int index) {
    const void* identity = lua_topointer(lua_, index);
    const auto around = path_.begin() + depth_;
    if (std::find(path_.begin(), around, identity) != around) {
        lua_pushliteral(lua_, "circular referenced table is not marshallable");
        raise();
    }
    check_depth();
    path_[depth_++] = identity;
    // A key, a value, and a message.
    luaL_checkstack(lua_, 4, "table is nested too deeply");
    text_ += '{';
    lua_Integer expected = 1;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
        const int entry = lua_gettop(lua_);
        if (lua_isinteger(lua_, entry - 1) && lua_tointeger(lua_, entry - 1) == expected) {
            expected++;
        } else {
            text_ += '[';
            value(entry - 1);
            text_ += "]=";
        }
        value(entry);
        text_ += ',';
        lua_pop(lua_, 1);
    }
    text_ += '}';
    depth_--;
}

int marshal(lua_State* lua) {
    std::string text;
    marshal_values(lua, 1, text);
    push(lua, text);
    return 1;
}

}  // namespace

void marshal_values(lua_State* lua, int first, std::string& text) {
    const int last = lua_gettop(lua);
    luaL_checkstack(lua, 4, "too many values");
    Marshaller marshaller(lua, text);
    for (int i = first; i <= last; i++) {
        if (i > first) text += ',';
        marshaller.value(i);
    }
}

int open_marshal(lua_State* lua) {
    lua_pushcfunction(lua, bind<marshal>);
    return 1;
}

}  // namespace neosocksd::ruleset
