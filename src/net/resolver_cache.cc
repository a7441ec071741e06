// Tested by resolver_cache_test.cc.

#include "net/resolver_cache.h"

#include <algorithm>

#include "base/limits.h"

namespace neosocksd::net {

const Result<Addresses>* ResolverCache::find(const std::string& name, io::TimePoint now) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return nullptr;
    Entry& entry = found->second;
    if (entry.expires <= now) {
        erase(entry);
        return nullptr;
    }
    if (entry.answer) {
        entry.unlink();
        used_.push_back(entry);
    }
    return &entry.answer;
}

void ResolverCache::store(const std::string& name, Result<Addresses> answer,
                          std::chrono::seconds ttl, io::TimePoint now) {
    while (!negative_.empty() && negative_.front().expires <= now) erase(negative_.front());
    if (entries_.size() >= capacity_ && !entries_.contains(name))
        erase(negative_.empty() ? used_.front() : negative_.front());
    const auto most = answer ? limits::kResolverTtlMax : limits::kResolverNegativeTtl;
    const auto place = entries_.try_emplace(name).first;
    Entry& entry = place->second;
    entry.unlink();
    entry.answer = std::move(answer);
    entry.expires = now + std::clamp(ttl, std::chrono::seconds(1), most);
    entry.name = &place->first;
    (entry.answer ? used_ : negative_).push_back(entry);
}

void ResolverCache::erase(Entry& entry) {
    entries_.erase(entries_.find(*entry.name));
}

}  // namespace neosocksd::net
