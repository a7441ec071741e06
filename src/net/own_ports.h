// The UDP ports at which associations hear their clients, of all workers.
//
// A client must not speak to another client's association through us: its datagrams would come
// from this host, and might be taken for those of a client that lives here. Ports alone are kept,
// and counted, for two addresses of this host may have the same one.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/address.h"
#include "net/egress_local.h"

namespace neosocksd::net {

class OwnPorts {
public:
    // Keeps a port entered while it lives.
    class Entry {
    public:
        Entry() = default;
        Entry(OwnPorts& ports, std::uint16_t port) : count_(&ports.counts_[port]) {
            count_->fetch_add(1, std::memory_order_relaxed);
        }
        Entry(Entry&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
        Entry& operator=(Entry&& other) noexcept {
            std::swap(count_, other.count_);
            return *this;
        }
        ~Entry() {
            if (count_) count_->fetch_sub(1, std::memory_order_relaxed);
        }

    private:
        std::atomic<std::uint16_t>* count_ = nullptr;
    };

    // Asks the kernel only if the port is one of ours.
    bool contains(const Endpoint& endpoint) const {
        return counts_[endpoint.port].load(std::memory_order_relaxed) > 0 &&
               is_local_address(endpoint.ip);
    }

private:
    std::array<std::atomic<std::uint16_t>, 65536> counts_{};
};

}  // namespace neosocksd::net
