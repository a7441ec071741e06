// An intrusive doubly linked list: members carry their own links, so that joining and leaving
// allocate nothing and an object can leave a list it holds no reference to.
//
// A member leaves its list when it is destroyed. A list must be empty when it is destroyed, or its
// members must not be used as members again.

#pragma once

#include <cassert>

namespace neosocksd {

class ListHook {
public:
    ListHook() = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    bool linked() const { return next_ != nullptr; }

    void unlink() {
        if (!next_) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <typename T>
    friend class List;

    ListHook* next_ = nullptr;
    ListHook* previous_ = nullptr;
};

// T derives from ListHook.
template <typename T>
class List {
public:
    List() { head_.next_ = head_.previous_ = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    ~List() {
        while (!empty()) front().unlink();
        head_.next_ = head_.previous_ = nullptr;
    }

    bool empty() const { return head_.next_ == &head_; }
    T& front() { return static_cast<T&>(*head_.next_); }
    // For a walk with pauses: who takes a member out must know who stands on it.
    T* first() { return empty() ? nullptr : &front(); }
    T* after(T& member) {
        ListHook* next = static_cast<ListHook&>(member).next_;
        return next == &head_ ? nullptr : static_cast<T*>(next);
    }

    void push_back(T& member) {
        ListHook& hook = member;
        assert(!hook.linked());
        hook.previous_ = head_.previous_;
        hook.next_ = &head_;
        head_.previous_->next_ = &hook;
        head_.previous_ = &hook;
    }

    T& pop_front() {
        T& member = front();
        static_cast<ListHook&>(member).unlink();
        return member;
    }

    // Moves all members of `other` to the end of this list.
    void splice_back(List& other) {
        if (other.empty()) return;
        ListHook* first = other.head_.next_;
        ListHook* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }

    // `visit` may unlink the member it is given, and no other.
    template <typename Visit>
    void for_each(Visit visit) {
        for (ListHook* hook = head_.next_; hook != &head_;) {
            ListHook* next = hook->next_;
            visit(static_cast<T&>(*hook));
            hook = next;
        }
    }

private:
    ListHook head_;
};

}  // namespace neosocksd
