// Command lines, words separated by line ends: of the server and of `ctl`. Whatever they say is
// either understood, answered or refused with a message; what is understood survives --dump-config.

#include <string>
#include <variant>
#include <vector>

#include "app/config_fields.h"
#include "app/options.h"
#include "app/options_check.h"
#include "ctl/arguments.h"
#include "lua_sandbox.h"
#include "proto/proxy_url.h"
#include "shown_fields.h"

using namespace neosocksd;
using fuzz::require;

namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        // A word ends at a NUL, as those of a process do.
        const std::string_view word = text.substr(at, end - at);
        words.emplace_back(word.substr(0, word.find('\0')));
        at = end + 1;
    }
    return words;
}

// What scripts see of the options is the same after it has been printed and read.
void check_dump(const app::Options& options) {
    const std::string dump = app::dump_config(options);
    fuzz::LuaSandbox sandbox;
    sandbox.run([&](lua_State* lua) {
        require(sandbox.run_chunk(dump) && lua_gettop(lua) == 1);
        app::Options again;
        app::read_config_fields(lua, again);
        require(fuzz::shown_fields(again) == fuzz::shown_fields(options));
    });
}

void check_server(const std::vector<const char*>& argv) {
    const auto parsed = app::parse(static_cast<int>(argv.size()) - 1, argv.data());
    if (const auto* messages = std::get_if<std::vector<app::Message>>(&parsed)) {
        require(!messages->empty());
        for (const app::Message& message : *messages) require(!message.text.empty());
    } else if (const auto* answer = std::get_if<app::Answer>(&parsed)) {
        require(answer->text.ends_with('\n'));
    } else {
        const auto& options = std::get<app::Options>(parsed);
        for (const app::Message& message : app::check(options, "fuzz"))
            require(!message.text.empty());
        check_dump(options);
    }
}

void check_ctl(const std::vector<const char*>& argv) {
    const std::span<const char* const> words(argv.data() + 1, argv.size() - 2);
    const auto parsed =
        ctl::parse_arguments(words, [](const char*) { return static_cast<const char*>(nullptr); });
    if (const auto* complaint = std::get_if<ctl::Complaint>(&parsed))
        require(!complaint->text.empty());
    if (const auto* invocation = std::get_if<ctl::Invocation>(&parsed)) {
        require(!invocation->api.empty() && invocation->timeout_seconds > 0);
        require(invocation->interval_seconds > 0 && invocation->count >= 0);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    const std::vector<std::string> words = words_of(input.rest());
    std::vector<const char*> argv{"fuzz"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    argv.push_back(nullptr);
    check_server(argv);
    check_ctl(argv);
    return 0;
}
