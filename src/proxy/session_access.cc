// What a session tells the access log. Nothing of this runs without one.
// Tested by tests/e2e/test_access_log*.py.

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/access_log.h"
#include "proxy/request_names.h"
#include "proxy/session.h"
#include "proxy/session_setup.h"
#include "proxy/worker.h"

namespace neosocksd::proxy {
namespace {

AccessDuration rounded(io::Duration duration) {
    return std::chrono::duration_cast<AccessDuration>(duration);
}

// Of the page in an HTTP client's reply; 0 for other replies.
std::uint16_t status_in(std::string_view reply) {
    constexpr std::string_view kStart = "HTTP/1.1 ";
    if (!reply.starts_with("HTTP/1.") || reply.size() < kStart.size() + 3) return 0;
    std::uint16_t status = 0;
    std::from_chars(reply.data() + kStart.size(), reply.data() + kStart.size() + 3, status);
    return status;
}

// Method and path of the request as the target gets it. Queries are full of secrets.
AccessTexts request_texts(const proto::Request& request) {
    AccessTexts texts;
    if (!request.http) return texts;
    std::string_view line = request.http->head;
    texts.method = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(texts.method.size() + 1, line.size()));
    texts.path = line.substr(0, line.find_first_of(" ?"));
    return texts;
}

const char* datagrams_end(std::string_view why) {
    struct Row {
        std::string_view why;
        const char* name;
    };
    static constexpr Row kRows[] = {{"the client left", "client_left"},
                                    {"the hop left", "hop_left"},
                                    {"idle", "idle"},
                                    {"stopped", "stopped"}};
    const auto* row = std::ranges::find(kRows, why, &Row::why);
    return row == std::end(kRows) ? "failed" : row->name;
}

}  // namespace

void Session::draft_access(Setup& setup) const {
    setup.access = std::make_unique<AccessDraft>(http_ ? worker_->loop().now() : accepted_);
}

AccessFacts Session::access_facts(const Setup& setup) const {
    const io::TimePoint begun = setup.access->begun;
    const auto age = worker_->loop().now() - begun;
    AccessFacts facts;
    // The wall clock is asked but once: it may be set while a session lives.
    facts.time = std::chrono::system_clock::now() -
                 std::chrono::duration_cast<std::chrono::system_clock::duration>(age);
    facts.begun = begun;
    if (setup.access->reached) facts.setup = rounded(*setup.access->reached - begun);
    facts.address = address_;
    return facts;
}

AccessRecord Session::access_record(const AccessFacts& facts) const {
    const bool to_socket = service_ == Service::forward && outbound_->forward_socket;
    AccessRecord record;
    record.facts = facts;
    record.texts.target = target_;
    record.duration = rounded(worker_->loop().now() - facts.begun);
    record.client = client_name();
    record.listener = listener_.name;
    record.protocol = protocol_name(protocol_, service_);
    record.command = command_name(command_);
    if (to_socket && facts.setup) record.socket = target_;
    if (notes_) {
        record.user = notes_->user;
        record.route = notes_->route;
    }
    const auto add_hop = [&](const std::string& hop) {
        if (!record.chain.empty()) record.chain += '\n';
        record.chain += hop;
    };
    if (notes_ && notes_->chain)
        std::ranges::for_each(*notes_->chain, add_hop);
    else if (!to_socket)
        for (const proto::ProxyUrl& hop : outbound_->chain) add_hop(hop.to_string());
    return record;
}

void Session::log_refusal(const Setup& setup, Outcome outcome, std::string_view reply) const {
    AccessRecord record = access_record(access_facts(setup));
    record.outcome = outcome;
    // Nothing was dialled.
    if (outcome == Outcome::rejected) record.chain.clear();
    record.protocol = protocol_name(setup.machine.protocol(), service_);
    const proto::Request& request = setup.machine.request();
    if (target_.empty()) {
        // Nothing was asked for yet; notes are of the request before.
        record.command = "";
        record.user = record.route = {};
        record.chain.clear();
    } else if (request.command == proto::Command::http_forward) {
        const AccessTexts texts = request_texts(request);
        record.texts.method = texts.method;
        record.texts.path = texts.path;
    }
    record.facts.status = status_in(reply);
    worker_->access_log()->write(record);
}

void Session::log_exchange(const Setup& setup, Outcome outcome, int status) const {
    AccessRecord record = access_record(access_facts(setup));
    const AccessTexts texts = request_texts(setup.machine.request());
    record.texts.method = texts.method;
    record.texts.path = texts.path;
    record.facts.up_bytes = setup.exchange->up_bytes();
    record.facts.down_bytes = setup.exchange->down_bytes();
    record.facts.status = static_cast<std::uint16_t>(status);
    record.outcome = outcome;
    if (outcome == Outcome::established) record.end = "finished";
    worker_->access_log()->write(record);
}

void Session::keep_access(const Setup& setup) {
    AccessFacts facts = access_facts(setup);
    const proto::Request& request = setup.machine.request();
    AccessTexts texts = request_texts(request);
    if (setup.is_datagrams()) texts.target = request.text;
    if (setup.exchange) {
        facts.up_bytes = setup.exchange->up_bytes();
        facts.down_bytes = setup.exchange->down_bytes();
        facts.status = static_cast<std::uint16_t>(setup.exchange->status());
    }
    access_note_ = AccessNote(facts, texts);
}

void Session::log_relay(End end) const {
    static constexpr std::array<const char*, 4> kEnds = {"finished", "client_reset", "target_reset",
                                                         "stopped"};
    AccessRecord record = access_record(access_note_.facts());
    const AccessTexts texts = access_note_.texts();
    record.texts.method = texts.method;
    record.texts.path = texts.path;
    record.facts.up_bytes += up_bytes();
    record.facts.down_bytes += down_bytes();
    record.end = killed_      ? "killed"
                 : timed_out_ ? "protocol_timeout"
                              : kEnds[static_cast<std::size_t>(end)];
    worker_->access_log()->write(record);
}

void Session::log_datagrams(const UdpAssociation& association, std::string_view why) const {
    AccessRecord record = access_record(access_note_.facts());
    record.texts.target = access_note_.texts().target;
    record.facts.up_bytes = association.up().bytes;
    record.facts.down_bytes = association.down().bytes;
    record.datagrams = {association.up().datagrams, association.down().datagrams,
                        association.dropped()};
    record.end = killed_ ? "killed" : datagrams_end(why);
    worker_->access_log()->write(record);
}

}  // namespace neosocksd::proxy
