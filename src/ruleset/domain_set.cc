// Tested by domain_set_test.cc.

#include "ruleset/domain_set.h"

namespace neosocksd::ruleset {
namespace {

std::string_view without_last_dot(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

std::expected<void, const char*> add(NameList::Builder& list, std::string_view name) {
    if (name.empty()) return {};
    const NameKey key(name);
    if (key.too_long()) return std::unexpected("domain name too long");
    if (!list.add(key.symbols())) return std::unexpected("too many domain names");
    return {};
}

}  // namespace

std::expected<void, const char*> DomainSet::Builder::add_suffix(std::string_view suffix) {
    if (suffix.starts_with('.')) suffix.remove_prefix(1);
    return add(suffixes_, without_last_dot(suffix));
}

std::expected<void, const char*> DomainSet::Builder::add_host(std::string_view host) {
    if (host.size() >= 2 && host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    return add(hosts_, without_last_dot(host));
}

DomainSet DomainSet::Builder::build() {
    DomainSet set;
    set.suffixes_ = suffixes_.build(true);
    const auto covered = [](const void* context, Symbols key) {
        return static_cast<const DomainSet*>(context)->covers(key);
    };
    set.hosts_ = hosts_.build(false, covered, &set);
    return set;
}

bool DomainSet::covers(Symbols key) const {
    const auto [size, common, found] = suffixes_.find(key);
    return found && size == common && (size == key.size() || key[size] == name_key::kDot);
}

bool DomainSet::contains(std::string_view host) const {
    const NameKey name(without_last_dot(host));
    const Symbols key = name.symbols();
    if (suffixes_.size() != 0 && covers(key)) return true;
    if (hosts_.size() == 0) return false;
    const auto [size, common, found] = hosts_.find(key);
    return found && size == common && size == key.size();
}

}  // namespace neosocksd::ruleset
