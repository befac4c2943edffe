// SPDX-License-Identifier: MIT
/// Record locks: parts of files that a process keeps others from locking (fcntl's F_SETLK). They keep nobody from
/// reading and writing. An owner, a process's table of descriptors, loses those that it has on a file when it closes
/// any descriptor of that file.
///
/// Invariant: locks of one owner on one file do not overlap, and of those that touch no two are of one kind.
#pragma once

#include <atomic>
#include <optional>

#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait_queue.h"

namespace meridian {

class Inode;

struct RecordLock {
  enum class Kind : u8 { shared, exclusive };
  static constexpr u64 kEnd = ~u64{0} >> 1;  // of any file

  const Inode* inode;
  const void* owner;
  u64 first, last;  // bytes
  Kind kind = Kind::shared;
  u32 pid = 0;  // for who asks
};

class RecordLocks {
 public:
  enum class Wait : u8 { no, yes };

  /// The first lock of somebody else that `wanted` cannot be had beside; nothing if there is none.
  std::optional<RecordLock> conflict(const RecordLock& wanted);
  /// Errc::try_again if there is such a lock, or, having waited: interrupted; busy if who has it waits for this owner.
  /// Errc::out_of_frames.
  Result<void> set(const RecordLock& wanted, Wait wait);
  /// What the owner has of these bytes. Errc::out_of_frames: a lock would become two.
  Result<void> unset(const RecordLock& range);
  /// All that `owner` has on the file.
  void release(const Inode& inode, const void* owner);

 private:
  struct Node {
    RecordLock lock;
    ListHook<Node> hook;
  };
  struct Waiter {
    const void *owner, *blocked_by = nullptr;
    ListHook<Waiter> hook{};
  };
  /// Nodes that a change may need, had before the lock is taken.
  class Spares;
  struct State {
    List<Node, &Node::hook> locks;
    List<Waiter, &Waiter::hook> waiters;

    Node* conflict(const RecordLock& wanted);
    bool would_deadlock(const Waiter& me);
    void clear(const RecordLock& range, Spares& spares);
    void insert(RecordLock wanted, Spares& spares);
  };

  Locked<State> state_;
  WaitQueue changed_;
  std::atomic<bool> was_used_{false};
};

RecordLocks& record_locks();

}  // namespace meridian
