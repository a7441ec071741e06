// One question to the rules: where shall this connection go?
//
// A session asks in its worker's thread and waits; the rules answer in the control thread, perhaps
// after some dials that the session does for them (await.forward). The two talk by messages to
// each other's loop; with one loop for both, by calls. Both hold the object; each thread touches
// only its own half.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/event.h"
#include "io/task.h"
#include "ruleset/request.h"
#include "ruleset/route.h"
#include "ruleset/routines.h"
#include "ruleset/transcript.h"

namespace neosocksd::ruleset {

class Rules;

// What the rules say in the end.
struct Verdict {
    enum class Kind : std::uint8_t {
        route,      // dial this
        connected,  // await.forward has
        reject,
    };
    Kind kind = Kind::reject;
    Route route;
    std::string text;  // of a rejection, for the log
};

// A session that dials for await.forward, in its worker's thread.
class Forwarder {
public:
    // Empty: connected. Otherwise the reason as lua.md section 11 words it. Its scope is cancelled
    // when the answer comes while it dials, because a script has closed or resumed the routine.
    virtual io::Task<std::string> forward(Route route) = 0;

protected:
    ~Forwarder() = default;
};

class Inquiry final : public RoutineOwner,
                      public Runnable,
                      public std::enable_shared_from_this<Inquiry> {
public:
    // `transcript`: where the lines of the rules go, if they are not for the output.
    Inquiry(Rules& rules, io::Loop& worker, Request request,
            std::shared_ptr<Transcript> transcript = nullptr);

    // Worker's half.

    io::Task<Verdict> ask(Forwarder& forwarder);

    // Control's half.

    const Request& request() const { return request_; }
    void start();
    // Whether await.forward may be called now.
    bool forwardable() const { return state_ == State::open; }
    // Empty: connected.
    io::Task<std::string> forward(Route route);

    // Asks for a turn: for a request from another thread.
    void queue();
    void run() override;
    void drop() override { queued_ = nullptr; }
    void ended(lua_State* thread, int status, int results) override;
    void lost() override;
    Inquiry* inquiry() override { return this; }
    Transcript* transcript() override { return transcript_.get(); }

private:
    enum class State : std::uint8_t { open, forwarding, connected, closed };

    // Puts a question: runs `what` in the control thread. False: its mailbox refuses.
    template <typename What>
    bool put(What what);
    // Runs `what` in the worker's thread, unless that has ended. A session gets two answers at a
    // time at most, so that they need no other bound, and none is lost.
    template <typename What>
    void reply(What what);
    // The same for what the control thread must hear: waits until its mailbox takes it.
    template <typename What>
    io::Task<void> insist(What what);
    bool one_loop() const;
    void answer(Verdict verdict);
    // What is wrong with the rules: for the log, or the transcript.
    void complain(const std::string& text);
    void forwarded(std::string failure);
    void caller_gone();

    Rules& rules_;
    Request request_;
    const std::shared_ptr<Transcript> transcript_;

    // Worker's half.
    io::Loop& worker_;
    io::Event told_{worker_};
    std::optional<Verdict> verdict_;
    std::optional<Route> to_forward_;
    io::Scope* dialling_ = nullptr;  // while await.forward dials

    // Control's half.
    State state_ = State::open;
    std::shared_ptr<Inquiry> queued_;  // itself, until its turn
    struct Dial;
    std::shared_ptr<Dial> dial_;  // the last
};

}  // namespace neosocksd::ruleset
