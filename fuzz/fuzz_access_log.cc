// A line of the access log says what it was given, and nothing that a peer chose can forge a field
// or a line: the text format is taken apart again byte for byte, the JSON is read by a parser.
// Input: lengths of the texts, then the texts.

#include <algorithm>
#include <map>
#include <string>

#include "base/limits.h"
#include "ctl/json_value.h"
#include "proxy/access_log_line.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proxy;
using fuzz::require;

namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    require(c >= 'a' && c <= 'f');
    return c - 'a' + 10;
}

std::string unescaped(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '\\') {
            bytes += text[i];
            continue;
        }
        require(i + 3 < text.size() && text[i + 1] == 'x');
        bytes += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
        i += 3;
    }
    return bytes;
}

// None of these texts is as long as what the log cuts. "-" is none.
void check_value(const std::string& value, std::string_view given) {
    require(given.empty() ? value == "-" : value == given);
}

void check_text(const std::string& line, const AccessRecord& record) {
    require(line.ends_with('\n') && std::count(line.begin(), line.end(), '\n') == 1);
    std::map<std::string, std::string> fields;
    std::size_t at = line.find(' ');
    while (at != std::string::npos) {
        const std::size_t begin = at + 1;
        at = line.find(' ', begin);
        const std::size_t end = at == std::string::npos ? line.size() - 1 : at;
        const std::string word = line.substr(begin, end - begin);
        for (const char c : word) require(c > 0x20 && c < 0x7f && c != '"');
        const std::size_t equals = word.find('=');
        require(equals != std::string::npos && equals > 0);
        require(fields.emplace(word.substr(0, equals), unescaped(word.substr(equals + 1))).second);
    }
    require(fields.contains("target") && fields.contains("down"));
    check_value(fields["target"], record.texts.target);
    check_value(fields["user"], record.user);
    check_value(fields["route"], record.route);
    check_value(fields["client"], record.client);
}

void check_json(const std::string& line, const AccessRecord& record) {
    require(line.ends_with("}\n") && std::count(line.begin(), line.end(), '\n') == 1);
    for (const char c : line) require(c == '\n' || (c >= 0x20 && c < 0x7f));
    const auto value = ctl::JsonValue::parse(std::string_view(line).substr(0, line.size() - 1));
    require(value && value->kind() == ctl::JsonValue::Kind::object);
    auto names = value->names();
    std::ranges::sort(names);
    require(std::ranges::adjacent_find(names) == names.end());
    require(!value->at("target").is_null() && !value->at("down").is_null());
    const std::string_view user = record.user;
    if (std::ranges::all_of(user, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        require(value->at("user").text() == user);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t flags = input.take_octet();
    const auto text = [&] { return input.take(input.take_octet()); };
    AccessRecord record;
    record.texts.target = text();
    record.texts.method = text();
    record.texts.path = text();
    record.user = text();
    record.route = text();
    record.listener = text();
    record.client = std::string(text());
    record.socket = std::string(text());
    record.chain = std::string(text());
    if (record.texts.target.empty()) record.texts.target = "x:1";
    if (record.listener.empty()) record.listener = "y:1";
    record.outcome = static_cast<Outcome>(flags % kOutcomes);
    record.protocol = "http";
    record.command = "connect";
    record.end = (flags & 1) != 0 ? "finished" : "";
    if ((flags & 2) != 0) record.facts.status = 200;
    if ((flags & 4) != 0) record.datagrams = AccessRecord::Datagrams{};
    std::string line;
    append_access_line(record, AccessFormat::text, line);
    check_text(line, record);
    line.clear();
    append_access_line(record, AccessFormat::json, line);
    check_json(line, record);
    return 0;
}
