// The chains of proxies that rules send the datagrams of one association through, and what has
// become of the hop at the end of each.
//
// Few at a time: one whose hop has been quiet makes room for another; one in use does not, lest a
// client with too many have us ask for an association with every datagram. A hop that failed or
// left is asked again after a pause, which doubles until it has lasted for a while.
// Tested by udp_chain_table_test.cc.

#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "io/timer.h"
#include "proto/proxy_url.h"

namespace neosocksd::proxy {

// First hop first. Shared by the decisions that name it.
using UdpChain = std::shared_ptr<const std::vector<proto::ProxyUrl>>;

// A Hop tells when it was used last, last(), and can be told to make_room(). Whoever runs it says
// when it has ended.
template <typename Hop>
class UdpChainTable {
public:
    // The hop of a chain: the one there is, or what `make` gives. nullptr: it failed not long ago,
    // or too many chains are in use.
    template <typename Make>
    Hop* find(const UdpChain& chain, io::TimePoint now, Make make) {
        Place* place = place_of(chain);
        if (!place) {
            place = free_place(now);
            if (!place) return nullptr;
            if (place->hop) place->hop->make_room();
            *place = {};
            place->chain = chain;
        }
        if (place->hop || now < place->retry) return place->hop;
        place->begun = now;
        place->hop = make();
        return place->hop;
    }

    // It could not be asked, or has left: how long its chain now waits.
    io::Duration failed(const Hop& hop, io::TimePoint now) {
        Place* place = place_of(hop);
        if (!place) return io::Duration::zero();  // made room meanwhile
        place->hop = nullptr;
        if (now - place->begun >= limits::kUdpHopPauseMax) place->pause = io::Duration::zero();
        place->pause = std::clamp<io::Duration>(2 * place->pause, limits::kUdpHopPause,
                                                limits::kUdpHopPauseMax);
        place->retry = now + place->pause;
        return place->pause;
    }
    // It has ended, and is not to blame.
    void ended(const Hop& hop) {
        if (Place* place = place_of(hop)) place->hop = nullptr;
    }

private:
    struct Place {
        UdpChain chain;
        Hop* hop = nullptr;
        io::TimePoint begun{};
        io::TimePoint retry{};
        io::Duration pause{};
    };

    Place* place_of(const UdpChain& chain) {
        for (Place& place : places_)
            if (place.chain == chain || *place.chain == *chain) return &place;
        return nullptr;
    }
    Place* place_of(const Hop& hop) {
        for (Place& place : places_)
            if (place.hop == &hop) return &place;
        return nullptr;
    }
    // One that waits for its next try is in use: forgotten, it would be tried at once.
    static io::TimePoint free_from(const Place& place) {
        return place.hop ? place.hop->last() + limits::kUdpChainQuietTime : place.retry;
    }
    Place* free_place(io::TimePoint now) {
        if (places_.size() < limits::kUdpChains) return &places_.emplace_back();
        const auto oldest = std::ranges::min_element(places_, {}, &free_from);
        return free_from(*oldest) <= now ? &*oldest : nullptr;
    }

    std::vector<Place> places_;
};

}  // namespace neosocksd::proxy
