// Tested by resolver_test.cc on both engines.

#include "net/resolver.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "net/resolver_order.h"

namespace neosocksd::net {
namespace {

constexpr const char* kOperation = "resolve";

// ':' and '%' belong to literals that were none; '\' is an escape to c-ares.
bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= limits::kHostBytes && !has_unsafe_bytes(name) &&
           name.find_first_of(":%\\") == std::string_view::npos;
}

// c-ares would take four numbers for an address where IpAddress::parse() refuses, such as
// "0177.0.0.1", and rules would have seen something else.
bool is_odd_quad(std::string_view name) {
    return name.find_first_not_of("0123456789.") == std::string_view::npos &&
           std::count(name.begin(), name.end(), '.') == 3;
}

void make_lower(std::string& name) {
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
}

// One thread writes: no need for an atomic increment.
void count(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

std::string describe_resolve_error(const Error& error) {
    switch (error.code) {
    case ENOENT: return "resolve: name not found";
    case EINVAL: return "resolve: invalid name";
    case EREMOTEIO: return "resolve: name server failure";
    case EBUSY: return "resolve: too many lookups in flight";
    default: return error.to_string();
    }
}

// A query in flight and those who wait for it; kept by the query and by each of them.
struct Resolver::Lookup {
    struct Seat : ListHook {
        explicit Seat(LookupWait& w) : wait(w) {}
        LookupWait& wait;
    };
    std::optional<Result<Addresses>> answer;
    List<Seat> seats;
};

// They go on from the loop, never from inside c-ares.
class Resolver::LookupWait : io::Op, io::Scope::Wait {
public:
    LookupWait(io::Loop& loop, std::shared_ptr<Lookup> lookup)
        : Op(&LookupWait::completed), loop_(loop), lookup_(std::move(lookup)) {}

    bool await_ready() const { return lookup_->answer.has_value(); }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> waiter) {
        scope_ = waiter.promise().scope;
        if (scope_->cancelled()) {
            result_ = -scope_->reason();
            return false;
        }
        waiter_ = waiter;
        scope_->enter(*this);
        lookup_->seats.push_back(seat_);
        return true;
    }
    Result<Addresses> await_resume() const {
        if (result_ < 0) return failure(-result_, kOperation);
        return *lookup_->answer;
    }

    void answered() {
        if (!Op::pending()) loop_.defer(*this, 0);
    }

private:
    static void completed(io::Op& op, int result) {
        auto& self = static_cast<LookupWait&>(op);
        self.io::Scope::Wait::unlink();
        self.result_ = result;
        self.waiter_.resume();
    }
    void cancel() override {
        seat_.unlink();
        if (!Op::pending()) loop_.defer(*this, -scope_->reason());
    }

    io::Loop& loop_;
    std::shared_ptr<Lookup> lookup_;
    Lookup::Seat seat_{*this};
    std::coroutine_handle<> waiter_;
    io::Scope* scope_ = nullptr;
    int result_ = 0;
};

Resolver::Resolver(io::Loop& loop, const ResolverOptions& options)
    : loop_(loop),
      dns_options_{.family = options.family,
                   .nameservers = options.nameservers,
                   .timeout = options.timeout,
                   .tries = options.tries},
      hosts_(options.hosts_path),
      cache_(limits::kResolverEntries),
      dns_(std::make_unique<DnsClient>(loop, dns_options_)) {}

Resolver::~Resolver() {
    assert(waiting_ == 0 && in_flight_.empty());
}

io::Task<Result<Addresses>> Resolver::resolve(std::string name) {
    if (const auto literal = IpAddress::parse(name)) co_return Addresses{*literal};
    count(counters_.queries);
    if (!is_name(name)) co_return failure(EINVAL, kOperation);
    if (is_odd_quad(name)) co_return failure(ENOENT, kOperation);
    make_lower(name);
    const auto known = hosts_.find(name, dns_options_.family, loop_.now());
    if (!known.empty()) {
        count(counters_.successes);
        co_return order_addresses(known);
    }
    if (const auto* cached = cache_.find(name, loop_.now())) {
        if (*cached) count(counters_.successes);
        co_return *cached;
    }
    auto answer = co_await look_up(name);
    co_return answer;
}

io::Task<Result<Addresses>> Resolver::look_up(const std::string& name) {
    if (stopping_) co_return failure(ECANCELED, kOperation);
    auto lookup = start_lookup(name);
    if (!lookup) co_return failure(EBUSY, kOperation);
    waiting_++;
    LookupWait wait(loop_, std::move(lookup));
    auto answer = co_await wait;
    if (answer) count(counters_.successes);
    if (--waiting_ == 0) drain_.report();
    co_return answer;
}

std::shared_ptr<Resolver::Lookup> Resolver::start_lookup(const std::string& name) {
    const auto found = in_flight_.find(name);
    if (found != in_flight_.end()) return found->second;
    if (in_flight_.size() >= limits::kResolverQueries) return nullptr;
    auto lookup = std::make_shared<Lookup>();
    in_flight_.emplace(name, lookup);
    count(counters_.sent);
    ask(name, lookup);
    return lookup;
}

void Resolver::ask(const std::string& name, std::shared_ptr<Lookup> lookup) {
    DnsClient* const client = dns_.get();
    client->query(name, [this, name, client, lookup = std::move(lookup)](DnsAnswer answer) {
        // Cut off by set_nameservers(): those who wait want the others' answer.
        const bool renewed = client != dns_.get() && !stopping_;
        if (renewed && !answer.addresses && answer.addresses.error().code == ECANCELED)
            ask(name, lookup);
        else
            finish_lookup(name, *lookup, std::move(answer));
    });
}

void Resolver::set_nameservers(const std::string& list) {
    if (stopping_) return;
    dns_options_.nameservers = list;
    std::unique_ptr<DnsClient> fresh;
    try {
        fresh = std::make_unique<DnsClient>(loop_, dns_options_);
    } catch (const std::runtime_error& error) {
        // Out of memory or of descriptors: the old servers are better than none.
        LOG_ERROR("failed to set nameserver `{}': {}", list, error.what());
        return;
    }
    cache_.clear();
    // A channel of c-ares cannot change its servers while it asks them.
    std::swap(dns_, fresh);
    retiring_.spawn(retire(std::move(fresh)));
}

io::Task<void> Resolver::retire(std::unique_ptr<DnsClient> client) {
    co_await client->stop();
}

void Resolver::finish_lookup(const std::string& name, Lookup& lookup, DnsAnswer answer) {
    Result<Addresses> result = std::move(answer.addresses);
    if (result) result = order_addresses(*result);
    // A failure of the servers is nobody's fault to remember; a name that is missing is a fact.
    if (result || result.error().code == ENOENT)
        cache_.store(name, result, answer.ttl, loop_.now());
    lookup.answer = std::move(result);
    while (!lookup.seats.empty()) lookup.seats.pop_front().wait.answered();
    in_flight_.erase(name);
}

io::Task<void> Resolver::stop() {
    stopping_ = true;
    co_await dns_->stop();
    co_await retiring_.drained();
    if (waiting_ > 0) co_await drain_.wait();
}

}  // namespace neosocksd::net
