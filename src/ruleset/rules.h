// Rules: what sessions ask. One for all workers; it belongs to the control thread.

#pragma once

#include <cstdint>

#include "ruleset/inquiry.h"

namespace neosocksd::ruleset {

class Rules {
public:
    Rules(Vm& vm, io::Loop& control) : vm_(vm), control_(control) {}

    // From a worker's thread: waits for the verdict in the scope of the caller, and is told
    // nothing more when that is cancelled.
    io::Task<Verdict> ask(io::Loop& worker, Request request, Forwarder& forwarder,
                          std::shared_ptr<Transcript> transcript = nullptr);

    // Control thread only.
    Vm& vm() { return vm_; }
    io::Loop& control() { return control_; }

private:
    Vm& vm_;
    io::Loop& control_;
};

}  // namespace neosocksd::ruleset
