// Pipes for splice(2), one pool a loop.
//
// A relay borrows a pipe only while bytes are on their way, so the number of pipes follows the
// number of busy tunnels, not of open ones. When no useful pipe is to be had (too many, no
// descriptors, fs.pipe-user-pages-soft exhausted) the relay copies instead.

#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace neosocksd::net {

struct Pipe {
    int read_fd = -1;
    int write_fd = -1;
    std::size_t capacity = 0;
    std::size_t held = 0;  // bytes inside

    Pipe() = default;
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe();
};

class PipePool {
public:
    // At most `limit` pipes at a time, each of them two descriptors.
    explicit PipePool(std::size_t limit) : limit_(limit) {}

    // nullptr if there is none: copy then.
    std::unique_ptr<Pipe> borrow();
    // A pipe that still holds bytes is closed.
    void give_back(std::unique_ptr<Pipe> pipe);

    // A pipe goes with its tunnel to another loop.
    void forget() { lent_--; }
    void adopt() { lent_++; }

    std::size_t lent() const { return lent_; }
    std::size_t pooled() const { return free_.size(); }

private:
    std::unique_ptr<Pipe> make();

    std::size_t limit_;
    std::size_t lent_ = 0;
    std::vector<std::unique_ptr<Pipe>> free_;
    std::size_t refusals_ = 0;  // calls to refuse before a pipe is tried again
};

}  // namespace neosocksd::net
