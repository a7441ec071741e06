// What a server tells `neosocksd ctl`: answers, JSON, results of calls, and the pages made of them.
// A server may say what it likes, and its clients choose names in it: nothing of that may break a
// table, move a cursor or depend on how the bytes were cut.
// Input: what it is, seed of the segmentation, then the bytes.

#include <string>

#include "api/json.h"
#include "base/limits.h"
#include "ctl/answer_reader.h"
#include "ctl/json_value.h"
#include "ctl/lua_text.h"
#include "ctl/reports.h"
#include "ctl/text.h"
#include "ctl/top_view.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::ctl;
using fuzz::require;

namespace {

void check_line(std::string_view line) {
    for (const char c : line) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void check_answer(std::string_view bytes, std::uint8_t seed) {
    using Next = AnswerReader::Next;
    AnswerReader whole;
    const Next next = whole.feed(bytes);
    AnswerReader pieces;
    Next cut = Next::need_bytes;
    fuzz::cut(bytes, seed, [&](std::string_view piece) {
        if (cut == Next::need_bytes) cut = pieces.feed(piece);
    });
    require(bytes.empty() || cut == next);
    require(whole.end_of_stream() == Next::done && pieces.end_of_stream() == Next::done);
    const auto one = whole.take();
    const auto other = pieces.take();
    require(one.has_value() == other.has_value());
    if (!one) {
        require(!one.error().empty() && one.error() == other.error());
        return;
    }
    require(one->status == other->status && one->body == other->body);
    require(one->reason == other->reason && one->content_type == other->content_type);
    require(!failure_text(*one, "/path", true).empty());
}

// As the API's writer would say it.
void write(api::JsonWriter& json, std::string_view name, const JsonValue& value) {
    switch (value.kind()) {
    case JsonValue::Kind::null: json.null(name); break;
    case JsonValue::Kind::boolean: json.member(name, value.is_true()); break;
    case JsonValue::Kind::number: json.member(name, value.number()); break;
    case JsonValue::Kind::string: json.member(name, value.text()); break;
    case JsonValue::Kind::array:
        json.begin_array(name);
        for (const JsonValue& item : value.items()) write(json, {}, item);
        json.end();
        break;
    case JsonValue::Kind::object:
        json.begin_object(name);
        for (std::size_t i = 0; i < value.items().size(); i++)
            write(json, value.names()[i], value.items()[i]);
        json.end();
        break;
    }
}

void check_json(std::string_view bytes) {
    const auto value = JsonValue::parse(bytes);
    if (!value) return;
    require(value->names().empty() || value->names().size() == value->items().size());
    // Bytes that are no text are replaced when they are written first; from then on it stays.
    std::string written;
    auto read = value;
    for (int turn = 0; turn < 3; turn++) {
        api::JsonWriter json;
        write(json, {}, *read);
        require(turn < 2 || json.text() == written);
        written = json.text();
        read = JsonValue::parse(written);
        require(read && read->kind() == value->kind());
    }

    explain_report(*value);
    Table table = session_table();
    add_session(table, *value);
    for (const std::string& line : table.lines(Style(false), 80)) {
        check_line(line);
        require(columns_of(line) <= 80);
    }
    TopView view("127.0.0.1:9080");
    for (int look = 1; look <= 2; look++) {
        view.take(*value, {*value, *value}, TopView::Clock::time_point(std::chrono::seconds(look)));
        const auto lines = view.screen(Style(false), 60, 20);
        require(lines.size() <= 20);
        for (const std::string& line : lines) {
            check_line(line);
            require(columns_of(line) <= 60);
        }
        for (const std::string& line : view.page()) check_line(line);
    }
}

void check_text(std::string_view bytes) {
    const std::string shown = printable(bytes);
    check_line(shown);
    require(printable(shown) == shown);
    for (const std::size_t columns : {std::size_t{1}, std::size_t{7}})
        require(columns_of(cut_to(shown, columns)) <= columns);
    if (const auto results = parse_rpc_answer(bytes))
        for (const std::string& value : results->values) require(value.size() <= bytes.size() * 3);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t kind = input.take_octet();
    const std::uint8_t seed = input.take_octet();
    switch (kind % 3) {
    case 0: check_answer(input.rest(), seed); break;
    case 1: check_json(input.rest()); break;
    default: check_text(input.rest()); break;
    }
    return 0;
}
