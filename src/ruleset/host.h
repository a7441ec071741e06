// What scripts can ask of the program they run in. The program implements it; the rules know
// nothing else of it.

#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/task.h"
#include "ruleset/route.h"

namespace neosocksd::ruleset {

// A field of the tables that neosocksd.config() and neosocksd.stats() return.
using FieldValue = std::variant<bool, std::int64_t, double, std::string>;
using Fields = std::vector<std::pair<const char*, FieldValue>>;

class Host {
public:
    virtual Fields config() const = 0;
    // Without what the rules know themselves: lasterror, bytes_allocated, num_object, the threads.
    virtual Fields stats() const = 0;

    // The first address of a name as text, IPv6 without brackets; nothing if there is none.
    virtual io::Task<std::optional<std::string>> resolve(std::string name) = 0;
    // The same while everything waits: getaddrinfo(3).
    virtual std::optional<std::string> resolve_now(const std::string& name) = 0;

    // The hops that come before those of every route (-x), first hop first.
    virtual const std::vector<proto::ProxyUrl>& first_hops() const = 0;

    // RPC, rpc.md. invoke() is heard of no more; call() brings the body of the answer, or the
    // message of a failure.
    virtual void invoke(std::string code, Route route) = 0;
    virtual io::Task<std::expected<std::string, std::string>> call(std::string code,
                                                                   Route route) = 0;

protected:
    ~Host() = default;
};

}  // namespace neosocksd::ruleset
