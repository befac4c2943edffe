// SPDX-License-Identifier: MIT
#include "kernel/fs/record_locks.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

constinit RecordLocks the_record_locks;

bool overlap(const RecordLock& a, const RecordLock& b) {
  return a.inode == b.inode && a.first <= b.last && b.first <= a.last;
}
bool is_same_owners(const RecordLock& a, const RecordLock& b) {
  return a.inode == b.inode && a.owner == b.owner;
}
/// Do they overlap, or does one begin where the other ends?
bool touch(const RecordLock& a, const RecordLock& b) {
  return a.inode == b.inode && a.first <= b.last + 1 && b.first <= a.last + 1;
}

}  // namespace

RecordLocks& record_locks() { return the_record_locks; }

/// One for a new lock, one for the upper half of a lock that is cut in two. What was not used, and what came back, goes
/// when nobody holds the lock any more.
class RecordLocks::Spares {
 public:
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() {
    while (Node* const node = nodes_.pop_front()) kfree(node);
  }
  Result<void> prepare() {
    for (int i = 0; i < 2; ++i) give(*new (TRY(kmalloc(sizeof(Node)))) Node);
    return {};
  }
  Node& take(const RecordLock& lock) {
    Node* const node = nodes_.pop_front();
    CHECK(node != nullptr);
    node->lock = lock;
    return *node;
  }
  void give(Node& node) { nodes_.push_front(node); }

 private:
  List<Node, &Node::hook> nodes_;
};

/// The one with the lowest start.
auto RecordLocks::State::conflict(const RecordLock& wanted) -> Node* {
  Node* found = nullptr;
  for (Node* node = locks.front(); node != nullptr; node = locks.next(*node)) {
    const RecordLock& lock = node->lock;
    const bool is_shared =
        lock.kind == RecordLock::Kind::shared && wanted.kind == RecordLock::Kind::shared;
    if (is_shared || lock.owner == wanted.owner || !overlap(lock, wanted)) continue;
    if (found == nullptr || lock.first < found->lock.first) found = node;
  }
  return found;
}

/// Does whom `me` waits for wait for `me`, by way of others perhaps? (Each owner waits for one other at most.)
bool RecordLocks::State::would_deadlock(const Waiter& me) {
  const void* owner = me.blocked_by;
  for (usize steps = 0; owner != nullptr && steps < 1000; ++steps) {
    if (owner == me.owner) return true;
    const Waiter* waiter = waiters.front();
    while (waiter != nullptr && waiter->owner != owner) waiter = waiters.next(*waiter);
    owner = waiter == nullptr ? nullptr : waiter->blocked_by;
  }
  return false;
}

/// The owner has no lock in `range` any more.
void RecordLocks::State::clear(const RecordLock& range, Spares& spares) {
  for (Node* node = locks.front(); node != nullptr;) {
    Node* const next = locks.next(*node);
    RecordLock& lock = node->lock;
    if (is_same_owners(lock, range) && overlap(lock, range)) {
      const bool keeps_start = lock.first < range.first, keeps_end = lock.last > range.last;
      if (keeps_start && keeps_end) {
        Node& upper = spares.take(lock);
        upper.lock.first = range.last + 1;
        locks.push_front(upper);
      }
      if (keeps_start) {
        lock.last = range.first - 1;
      } else if (keeps_end) {
        lock.first = range.last + 1;
      } else {
        locks.erase(*node);
        spares.give(*node);
      }
    }
    node = next;
  }
}

/// In a place that is clear: together with what touches it and is alike.
void RecordLocks::State::insert(RecordLock wanted, Spares& spares) {
  for (Node* node = locks.front(); node != nullptr;) {
    Node* const next = locks.next(*node);
    const RecordLock& lock = node->lock;
    if (is_same_owners(lock, wanted) && lock.kind == wanted.kind && touch(lock, wanted)) {
      wanted.first = std::min(wanted.first, lock.first);
      wanted.last = std::max(wanted.last, lock.last);
      locks.erase(*node);
      spares.give(*node);
    }
    node = next;
  }
  locks.push_front(spares.take(wanted));
}

std::optional<RecordLock> RecordLocks::conflict(const RecordLock& wanted) {
  return state_.with([&](State& state) {
    const Node* const node = state.conflict(wanted);
    return node == nullptr ? std::nullopt : std::optional(node->lock);
  });
}

Result<void> RecordLocks::set(const RecordLock& wanted, Wait wait) {
  Spares spares;
  TRY(spares.prepare());
  Waiter me{.owner = wanted.owner};
  std::optional<Error> error;
  const auto try_to_set = [&](State& state) {
    const Node* const in_the_way = state.conflict(wanted);
    me.blocked_by = in_the_way == nullptr ? nullptr : in_the_way->lock.owner;
    if (in_the_way == nullptr) {
      state.clear(wanted, spares);
      state.insert(wanted, spares);
      was_used_.store(true, std::memory_order_relaxed);
      return true;
    }
    if (wait == Wait::no) error = Error{Errc::try_again};
    if (wait == Wait::yes && state.would_deadlock(me)) error = Error{Errc::busy};
    return error.has_value();
  };
  if (wait == Wait::yes) state_.with([&](State& state) { state.waiters.push_front(me); });
  const Result<void> done = changed_.wait(state_, try_to_set, {.interruptible = true});
  if (wait == Wait::yes) state_.with([&](State& state) { state.waiters.erase(me); });
  if (error) return *error;
  if (done.has_value()) changed_.wake_all();  // a shared lock may have taken an exclusive one's place
  return done;
}

Result<void> RecordLocks::unset(const RecordLock& range) {
  Spares spares;
  TRY(spares.prepare());
  state_.with([&](State& state) { state.clear(range, spares); });
  changed_.wake_all();
  return {};
}

/// Every descriptor that is closed comes here. While nobody ever locked anything, this is one load.
void RecordLocks::release(const Inode& inode, const void* owner) {
  if (!was_used_.load(std::memory_order_relaxed)) return;
  Spares unused;  // nothing is cut in two
  const RecordLock all{.inode = &inode, .owner = owner, .first = 0, .last = RecordLock::kEnd};
  state_.with([&](State& state) { state.clear(all, unused); });
  changed_.wake_all();
}

}  // namespace meridian
