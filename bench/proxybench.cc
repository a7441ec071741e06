// proxybench: load generator and backend for measuring TCP proxies (SOCKS4, 4A and 5, HTTP
// CONNECT, plain forwarding) on loopback, with epoll.
//
//   proxybench backend --listen 127.0.0.1:9000
//   proxybench run --proxy socks5://127.0.0.1:1080 --target 127.0.0.1:9000 --mode cps --pid PID
//   proxybench start --listen 127.0.0.1:1080 --greet yes -- neosocksd -l 127.0.0.1:1080
//
// `run` and `start` print exactly one line of JSON on stdout; everything for people goes to stderr.
// This file is the command line; load/ is the program, in headers, so that one compiler call builds
// it all: bench/run can make it where there is only a compiler.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "load/backend.h"
#include "load/options.h"
#include "load/run.h"
#include "load/startup.h"
#include "load/util.h"

namespace neosocksd::bench {
namespace {

constexpr char kUsage[] =
    R"(usage:
  proxybench backend --listen 127.0.0.1:9000 [--threads N]
             [--source copy|sendfile] [--sink trunc|copy]
  proxybench run --proxy URL --target 127.0.0.1:9000 --mode cps|rr|up|down|idle
             [--conns N] [--duration S] [--warmup S] [--size BYTES] [--threads N]
             [--rate PER_SECOND] [--pid PROXY] [--backend-pid PID] [--name LABEL]
             [--target-host NAME]
             [--close rst|eof] [--source copy|sendfile] [--sink trunc|copy]
             [--setup-parallel N] [--setup-timeout S] [--op-timeout S] [--no-spread]
  proxybench start --listen 127.0.0.1:1080 [--greet yes|no] [--times N] [--seconds S]
             [--settle S] [--cpu N] [--name LABEL] -- PROGRAM [ARGUMENT...]
URL: direct://  socks5://[user:pass@]ip:port  socks4://ip:port  socks4a://ip:port
     http://[user:pass@]ip:port  forward://ip:port
The backend obeys the first byte of a connection: E echo, S sink, G source, X one byte and close.
)";

[[noreturn]] void usage() {
    std::fputs(kUsage, stderr);
    std::exit(2);
}

// --key value or --key=value; each key is taken once, and what nobody took is an error.
class Arguments {
public:
    Arguments(int count, char** values) {
        for (int i = 2; i < count; i++) {
            std::string key = values[i];
            if (!key.starts_with("--")) usage();
            key.erase(0, 2);
            if (const auto equals = key.find('='); equals != std::string::npos) {
                values_[key.substr(0, equals)] = key.substr(equals + 1);
            } else if (key == "no-spread") {
                values_[key] = "yes";
            } else {
                if (++i >= count) usage();
                values_[key] = values[i];
            }
        }
    }

    std::string text(const char* key, const std::string& fallback) {
        const auto found = values_.extract(key);
        return found ? found.mapped() : fallback;
    }

    template <typename Number>
    Number number(const char* key, Number fallback) {
        const auto found = values_.extract(key);
        return found ? parse_number<Number>(key, found.mapped()) : fallback;
    }

    bool is(const char* key, const char* yes, const char* no) {
        const std::string value = text(key, no);
        if (value != yes && value != no) die("--%s is %s or %s", key, yes, no);
        return value == yes;
    }

    void expect_none_left() const {
        if (!values_.empty()) die("unknown option --%s", values_.begin()->first.c_str());
    }

private:
    std::map<std::string, std::string, std::less<>> values_;
};

BulkSource bulk_source(Arguments& arguments) {
    return arguments.is("source", "sendfile", "copy") ? BulkSource::sendfile : BulkSource::copy;
}

BackendOptions backend_options(Arguments& arguments) {
    BackendOptions options;
    options.listen = parse_loopback_address(arguments.text("listen", "127.0.0.1:9000"));
    options.threads = std::max(1, arguments.number("threads", 1));
    options.source = bulk_source(arguments);
    options.discard = !arguments.is("sink", "copy", "trunc");
    arguments.expect_none_left();
    return options;
}

Mode parse_mode(const std::string& name) {
    if (name == "cps") return Mode::cps;
    if (name == "rr") return Mode::rr;
    if (name == "up") return Mode::up;
    if (name == "down") return Mode::down;
    if (name == "idle") return Mode::idle;
    usage();
}

LoadOptions load_options(Arguments& arguments) {
    LoadOptions options;
    options.proxy = arguments.text("proxy", options.proxy);
    options.label = arguments.text("name", options.proxy);
    options.target = parse_loopback_address(arguments.text("target", "127.0.0.1:9000"));
    options.target_host = arguments.text("target-host", "");
    options.mode_name = arguments.text("mode", options.mode_name);
    options.mode = parse_mode(options.mode_name);
    options.connections = std::max(1, arguments.number("conns", options.connections));
    options.threads =
        std::clamp(arguments.number("threads", options.threads), 1, options.connections);
    options.setup_parallel =
        std::max(1, arguments.number("setup-parallel", options.setup_parallel));
    options.duration_s = std::max(0.01, arguments.number("duration", options.duration_s));
    options.warmup_s = std::max(0.0, arguments.number("warmup", options.warmup_s));
    options.setup_timeout_s = arguments.number("setup-timeout", options.setup_timeout_s);
    options.operation_timeout_s = arguments.number("op-timeout", options.operation_timeout_s);
    options.rate = arguments.number("rate", options.rate);
    options.size = arguments.number("size", options.size);
    if (options.size == 0) die("--size must be positive");
    options.proxy_pid = arguments.number("pid", 0);
    options.backend_pid = arguments.number("backend-pid", 0);
    options.close_by_eof = arguments.is("close", "eof", "rst");
    options.source = bulk_source(arguments);
    options.discard = !arguments.is("sink", "copy", "trunc");
    options.spread = arguments.text("no-spread", "").empty();
    arguments.expect_none_left();
    return options;
}

// What follows `--` is the program.
int start(int count, char** values) {
    StartOptions options;
    const auto separator = std::find(values, values + count, std::string_view("--"));
    const auto own = static_cast<int>(separator - values);
    if (own + 1 >= count) usage();
    options.command.assign(separator + 1, values + count);
    options.command.push_back(nullptr);
    Arguments arguments(own, values);
    options.address = parse_loopback_address(arguments.text("listen", "127.0.0.1:1080"));
    options.greet = arguments.is("greet", "yes", "no");
    options.label = arguments.text("name", options.command[0]);
    options.times = std::max(1, arguments.number("times", options.times));
    options.seconds = arguments.number("seconds", options.seconds);
    options.settle_s = arguments.number("settle", options.settle_s);
    options.cpu = arguments.number("cpu", options.cpu);
    arguments.expect_none_left();
    return StartRun(options).run();
}

int run(int count, char** values) {
    const std::string_view command = count < 2 ? "" : values[1];
    if (command == "start") return start(count, values);
    Arguments arguments(count, values);
    if (command == "backend") {
        const BackendOptions options = backend_options(arguments);
        run_backend(options);
    }
    if (command == "run") {
        const LoadOptions options = load_options(arguments);
        return run_load(options);
    }
    usage();
}

}  // namespace
}  // namespace neosocksd::bench

int main(int argc, char** argv) {
    return neosocksd::bench::run(argc, argv);
}
