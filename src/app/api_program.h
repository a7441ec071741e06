// The program as its API sees it: the counters of all workers, read while they go on.

#pragma once

#include <optional>
#include <string>

#include "api/explain.h"
#include "api/program.h"
#include "app/scripts.h"
#include "proxy/session_directory.h"
#include "proxy/worker.h"

namespace neosocksd::app {

class ApiProgram final : public api::Program {
public:
    // `scripts` may be null. Every worker exists as long as this.
    ApiProgram(io::Loop& control, const proxy::Shared& shared, Scripts* scripts);

    void start_draining() { draining_ = true; }

    std::string version() const override;
    std::string homepage() const override;
    io::Duration uptime() const override { return io::Clock::now() - started_; }
    api::Counters counters() const override;
    bool draining() const override { return draining_; }
    proxy::SessionDirectory& sessions() const override { return sessions_; }
    api::Explainer* explainer() const override { return explainer_ ? &*explainer_ : nullptr; }

private:
    const proxy::Shared& shared_;
    const Scripts* scripts_;
    mutable proxy::SessionDirectory sessions_;
    mutable std::optional<api::Explainer> explainer_;
    io::TimePoint started_ = io::Clock::now();
    bool draining_ = false;
};

}  // namespace neosocksd::app
