// The addresses of the names that one association sends to.
//
// A flow must stay with one server: an address stays as long as the name is in use, whatever DNS
// says meanwhile. Few names at a time: the one used longest ago makes room.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/limits.h"
#include "io/timer.h"

namespace neosocksd::proxy {

class UdpNames {
public:
    // nullptr: not known, or not used for too long.
    const IpAddress* find(std::string_view name, io::TimePoint now) {
        for (Entry& entry : entries_) {
            if (entry.name != name || now - entry.used > limits::kUdpNameTime) continue;
            entry.used = now;
            return &entry.address;
        }
        return nullptr;
    }

    void store(const std::string& name, const IpAddress& address, io::TimePoint now) {
        Entry* place = nullptr;
        for (Entry& entry : entries_) {
            if (entry.name == name) {
                place = &entry;
                break;
            }
            if (!place || entry.used < place->used) place = &entry;
        }
        if ((!place || place->name != name) && entries_.size() < limits::kUdpNames)
            place = &entries_.emplace_back();
        *place = {name, address, now};
    }

private:
    struct Entry {
        std::string name;
        IpAddress address;
        io::TimePoint used;
    };
    std::vector<Entry> entries_;
};

}  // namespace neosocksd::proxy
