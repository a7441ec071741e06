// Tested by session_list_test.cc.

#include "proxy/session_list.h"

#include <algorithm>
#include <array>

namespace neosocksd::proxy {
namespace {

constexpr std::array<const char*, 8> kStates = {"request", "rules",     "dialling",  "established",
                                                "http",    "http_idle", "datagrams", "closing"};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

bool ends_in(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && same(text.substr(text.size() - end.size()), end);
}

// "host:port" of what was asked for: of a plain HTTP request that is a URL.
std::string_view authority_of(std::string_view target) {
    const auto scheme = target.find("://");
    if (scheme == std::string_view::npos) return target;
    target.remove_prefix(scheme + 3);
    target = target.substr(0, target.find_first_of("/?#"));
    const auto at = target.rfind('@');
    return at == std::string_view::npos ? target : target.substr(at + 1);
}

bool is_target(std::string_view target, std::string_view wanted) {
    if (same(target, wanted)) return true;
    target = authority_of(target);
    if (same(target, wanted)) return true;
    std::string_view host = target;
    std::string_view port;
    if (!split_host_port(target, host, port)) host = target;
    if (wanted.starts_with('.')) return ends_in(host, wanted) || same(host, wanted.substr(1));
    return same(host, wanted);
}

}  // namespace

const char* state_name(SessionState state) {
    return kStates[static_cast<std::size_t>(state)];
}

std::optional<SessionState> state_of(std::string_view name) {
    const auto* found = std::ranges::find(kStates, name);
    if (found == kStates.end()) return std::nullopt;
    return static_cast<SessionState>(found - kStates.begin());
}

SessionFacts facts_of(const SessionRow& row) {
    SessionFacts facts;
    facts.id = row.id;
    facts.client = row.client_address;
    facts.client_uid = row.client_uid;
    facts.user = row.user;
    facts.listener = row.listener;
    facts.protocol = row.protocol;
    facts.target = row.target;
    facts.state = row.state;
    facts.worker = row.worker;
    facts.age = row.age;
    facts.up_bytes = row.up_bytes;
    facts.down_bytes = row.down_bytes;
    return facts;
}

bool SessionFilter::matches(const SessionFacts& facts) const {
    if (id && *id != facts.id) return false;
    if (worker && *worker != facts.worker) return false;
    if (state && *state != facts.state) return false;
    if (min_age && facts.age < *min_age) return false;
    if (max_age && facts.age > *max_age) return false;
    if (min_bytes && facts.up_bytes + facts.down_bytes < *min_bytes) return false;
    if (client_uid && client_uid != facts.client_uid) return false;
    if (client && (facts.client_uid || !client->contains(facts.client.ip))) return false;
    if (client_port && *client_port != facts.client.port) return false;
    if (user && *user != facts.user) return false;
    if (listener && *listener != facts.listener) return false;
    if (protocol && *protocol != facts.protocol) return false;
    return !target || is_target(facts.target, *target);
}

}  // namespace neosocksd::proxy
