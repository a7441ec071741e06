// Names and their addresses for as long as they may be remembered.
//
// Bounded: when it is full, the oldest negative answer goes first, then the name that has not been
// asked for longest. So names that do not exist cannot drive out those that do.

#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/list.h"
#include "base/result.h"
#include "io/timer.h"

namespace neosocksd::net {

using Addresses = std::vector<IpAddress>;

class ResolverCache {
public:
    explicit ResolverCache(std::size_t capacity) : capacity_(capacity) {}

    // What is known and still true; valid until the next call.
    const Result<Addresses>* find(const std::string& name, io::TimePoint now);
    // `ttl` is brought into the range that limits allow: at least a second, so that a TTL of 0 does
    // not turn each session into a query; at most kResolverTtlMax, kResolverNegativeTtl for errors.
    void store(const std::string& name, Result<Addresses> answer, std::chrono::seconds ttl,
               io::TimePoint now);
    void clear() { entries_.clear(); }
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry : ListHook {
        Result<Addresses> answer;
        io::TimePoint expires;
        const std::string* name = nullptr;
    };
    void erase(Entry& entry);

    std::size_t capacity_;
    // Nodes stay in place. Declared before the lists, which are emptied first.
    std::unordered_map<std::string, Entry> entries_;
    List<Entry> used_;      // least recently asked for first
    List<Entry> negative_;  // oldest first, which also expires first
};

}  // namespace neosocksd::net
