// Server: the whole program once its options are known. Binds, starts the workers, minds the
// signals, and ends everything in order.
//
// The control loop is the main thread's. With one worker it is that worker's loop as well, and no
// other thread exists.

#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/api_service.h"
#include "app/options.h"
#include "app/process.h"
#include "app/sandbox.h"
#include "app/scripts.h"
#include "app/signals.h"
#include "proxy/access_log.h"
#include "proxy/worker.h"

namespace neosocksd::app {

class Server {
public:
    // `scripts`: the rules, or nullptr.
    Server(const Options& options, Scripts* scripts) : options_(options), scripts_(scripts) {}
    ~Server();

    // Until a signal ends it. Returns the exit status.
    int run();

private:
    // False: the reason has been logged.
    bool prepare();
    bool bind_all();
    bool bind(const std::string& address, proxy::Service service);
    bool open_access_log();
    bool choose_engine();
    int run_alone();
    int run_workers();
    void start_workers(std::size_t count);
    void start_failed(std::size_t index, const std::exception& exception);
    void run_worker(std::size_t index);

    void on_signal(int number);
    void reload();
    void stop_workers();
    void worker_done();

    // The API serves, once every worker exists; and ends, when the loop has.
    void start_api();
    void stop_api();
    // The rules' waits begin, in the control thread; and end.
    void attach_scripts();
    void stop_scripts();

    const Options& options_;
    Scripts* scripts_;
    std::unique_ptr<ApiService> api_;               // with --api
    std::shared_ptr<proxy::AccessLog> access_log_;  // with --access-log
    std::optional<Process> process_;
    std::unique_ptr<proxy::Shared> shared_;
    // By worker: the sockets it listens on.
    std::vector<std::vector<proxy::ListeningSocket>> sockets_;
    io::Loop* control_ = nullptr;
    std::vector<std::thread> threads_;
    Sandbox sandbox_;
    std::unique_ptr<std::latch> made_;        // every worker exists
    std::unique_ptr<std::latch> sealed_;      // no thread and no ring will be made any more
    std::unique_ptr<std::latch> finished_;    // none will touch another any more
    std::atomic<bool> start_failed_ = false;  // of a worker: none will run
    std::size_t running_ = 0;                 // control thread only
    int signals_seen_ = 0;                    // that ask to end
};

}  // namespace neosocksd::app
