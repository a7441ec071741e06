// Names to addresses, for one worker: the hosts file, a cache, then name servers.
//
// Equal lookups in flight are one query. Who waits can leave when its scope is cancelled; the query
// goes on for the others and for the cache. Everything is bounded: names, lookups in flight, cached
// answers, addresses of a name (base/limits.h).
//
// A name is text without blanks and control bytes. A literal address resolves to itself whatever
// the family option says. "127.1", "0177.0.0.1" and the like are no addresses here but names, which
// nobody has: no part of the program guesses.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "io/loop.h"
#include "io/task.h"
#include "io/task_group.h"
#include "net/dns_client.h"
#include "net/hosts_file.h"
#include "net/resolver_cache.h"

namespace neosocksd::net {

struct ResolverOptions {
    int family = AF_UNSPEC;  // AF_INET for -4, AF_INET6 for -6
    std::string nameservers{};
    std::chrono::milliseconds timeout{2000};
    int tries = 3;
    std::string hosts_path = "/etc/hosts";
};

// Written by the resolver's thread, read by any.
struct ResolverCounters {
    std::atomic<std::uint64_t> queries{0};    // names asked for, from wherever they were answered
    std::atomic<std::uint64_t> successes{0};  // those that had an address
    std::atomic<std::uint64_t> sent{0};       // those that went to name servers
};

// In words for the log and the client: "resolve: name not found", "resolve: Connection timed out".
std::string describe_resolve_error(const Error& error);

class Resolver {
public:
    Resolver(io::Loop& loop, const ResolverOptions& options);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // At least one address, at most limits::kResolverAddresses, in the order to try them.
    // Errors, with the operation "resolve":
    //   EINVAL     not a name: empty, too long, or with bytes that no name has
    //   ENOENT     no such name, or no address of the family
    //   ETIMEDOUT  no name server answered (or the scope's deadline passed)
    //   EREMOTEIO  the name servers fail or refuse
    //   EBUSY      too many lookups in flight
    //   ECANCELED  stop(), or the scope
    io::Task<Result<Addresses>> resolve(std::string name);

    // Asks other name servers from now on, as in ResolverOptions: what is remembered is forgotten,
    // and what is being looked up is asked of them anew.
    void set_nameservers(const std::string& list);

    // Ends all lookups with ECANCELED and waits until nobody waits. To be awaited before the end.
    io::Task<void> stop();

    const ResolverCounters& counters() const { return counters_; }

private:
    struct Lookup;
    class LookupWait;

    io::Task<Result<Addresses>> look_up(const std::string& name);
    static io::Task<void> retire(std::unique_ptr<DnsClient> client);
    std::shared_ptr<Lookup> start_lookup(const std::string& name);
    void ask(const std::string& name, std::shared_ptr<Lookup> lookup);
    void finish_lookup(const std::string& name, Lookup& lookup, DnsAnswer answer);

    io::Loop& loop_;
    DnsOptions dns_options_;
    HostsFile hosts_;
    ResolverCache cache_;
    std::unique_ptr<DnsClient> dns_;
    io::TaskGroup retiring_;  // clients of former name servers, until their sockets are closed
    std::unordered_map<std::string, std::shared_ptr<Lookup>> in_flight_;
    ResolverCounters counters_;
    std::size_t waiting_ = 0;
    bool stopping_ = false;
    Drain drain_{loop_};
};

}  // namespace neosocksd::net
