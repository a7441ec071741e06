// neosocksd: a programmable TCP proxy.

#include <clocale>
#include <exception>
#include <memory>
#include <string_view>

#include <ares.h>
#include <fcntl.h>
#include <lua.h>
#include <maxminddb.h>
#include <unistd.h>
#include <zlib.h>

#include "app/config_fields.h"
#include "app/help.h"
#include "app/options.h"
#include "app/options_check.h"
#include "app/rules_check.h"
#include "app/scripts.h"
#include "app/server.h"
#include "base/log.h"
#include "ctl/ctl.h"

namespace neosocksd::app {
namespace {

void report(const Message& message) {
    if (log::enabled(message.level)) log::write(message.level, __FILE__, __LINE__, message.text);
}

int answer(const Answer& answer) {
    const int fd = answer.to_standard_error ? STDERR_FILENO : STDOUT_FILENO;
    std::string_view text = answer.text;
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written <= 0) break;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return answer.status;
}

// A supervisor may start us with some of them closed. The first sockets and files would take their
// numbers, and the log would be written into them.
void keep_standard_descriptors() {
    int fd;
    do {
        fd = ::open("/dev/null", O_RDWR);  // tidy: allow(open) children have these three, too
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) ::close(fd);
}

int run(int argc, char** argv) {
    const auto parsed = parse(argc, argv);
    if (const auto* text = std::get_if<Answer>(&parsed)) return answer(*text);
    if (const auto* messages = std::get_if<std::vector<Message>>(&parsed)) {
        for (const Message& message : *messages) report(message);
        return 1;
    }
    Options options = std::get<Options>(parsed);
    log::set_level(options.loglevel);
    log::set_output(options.log_output);
    std::unique_ptr<Scripts> scripts;
    if (!options.config.empty() && options.ruleset.empty()) {
        // It may change every other option.
        scripts = std::make_unique<Scripts>(options);
        if (!scripts->load_config(options)) return 1;
        log::set_level(options.loglevel);
    }
    if (options.dump_config) return answer({0, false, dump_config(options)});
    const auto messages = check(options, argc > 0 ? argv[0] : "neosocksd");
    for (const Message& message : messages) report(message);
    if (is_fatal(messages)) return 1;
    LOG_DEBUG("libraries: {}, c-ares {}, zlib {}, libmaxminddb {}", LUA_RELEASE,
              ares_version(nullptr), zlibVersion(), MMDB_lib_version());
    if (!options.ruleset.empty()) scripts = std::make_unique<Scripts>(options);
    if (options.check) return check_rules(options, *scripts);
    if (options.auth_required && !scripts->has_ruleset()) {
        LOG_FATAL("authentication requires a ruleset");
        return 1;
    }
    Server server(options, scripts.get());
    return server.run();
}

}  // namespace
}  // namespace neosocksd::app

int main(int argc, char** argv) {
    // The decimal point of -t follows the locale, as it did in 1.4.2.
    std::setlocale(LC_ALL, "");
    neosocksd::app::keep_standard_descriptors();
    try {
        // Another program under the same name: a client of the API.
        if (argc > 1 && std::string_view(argv[1]) == "ctl") return neosocksd::ctl::run(argc, argv);
        return neosocksd::app::run(argc, argv);
    } catch (const std::exception& exception) {
        LOG_FATAL("{}", exception.what());
        return 1;
    }
}
