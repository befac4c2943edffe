// SPDX-License-Identifier: MIT
/// Waiting for any of several files: what poll(2) and its like are made of. Whoever waits joins the
/// queue of each file, looks at what is ready, and sleeps if nothing is; a file whose readiness
/// changes calls notify().
///
///   Poller poller;
///   PollEntry entries[2];
///   for (...) entries[i].join(*files[i]->poll_queue(), poller);  // first join all, then look,
///   while (nothing_ready(files))                                 // so that no change is missed
///     TRY(poller.wait(options));
#pragma once

#include <atomic>

#include "kernel/lib/list.h"
#include "kernel/sync/wait_queue.h"

namespace meridian {

/// What a file is ready for, by Linux's numbers.
struct PollEvents {
  static constexpr u32 kIn = 0x1, kOut = 0x4, kError = 0x8, kHangUp = 0x10;
  static constexpr u32 kInNormal = 0x40, kOutNormal = 0x100;
  static constexpr u32 kReadable = kIn | kInNormal, kWritable = kOut | kOutNormal;
};

/// A thread that waits for files, on its stack.
class Poller {
 public:
  void wake() {
    changed_.with([](bool& changed) { changed = true; });
    queue_.wake_all();
  }
  /// Until something has changed since the last wait(). Errc::interrupted, timed_out.
  Result<void> wait(const WaitOptions& options) {
    return queue_.wait(
        changed_, [](bool& changed) { return std::exchange(changed, false); }, options);
  }

 private:
  Locked<bool> changed_{false};
  WaitQueue queue_;
};

class PollQueue;

/// A Poller's place in one PollQueue; it leaves when it goes.
class PollEntry {
 public:
  PollEntry() = default;
  ~PollEntry() { leave(); }

  void join(PollQueue& queue, Poller& poller);
  void leave();

  ListHook<PollEntry> hook;

 private:
  friend class PollQueue;
  PollQueue* queue_ = nullptr;
  Poller* poller_ = nullptr;
};

class PollQueue {
 public:
  constexpr PollQueue() = default;

  /// Wakes all that have joined. Any context. (Whoever has joined looks at the file under a lock
  /// that the caller has held for the change; so it saw the change, or is seen here.)
  void notify() {
    if (count_.load(std::memory_order_relaxed) == 0) return;
    SpinGuard guard(lock_);
    for (PollEntry* entry = entries_.front(); entry != nullptr; entry = entries_.next(*entry))
      entry->poller_->wake();
  }

 private:
  friend class PollEntry;
  Spinlock lock_;
  List<PollEntry, &PollEntry::hook> entries_;
  std::atomic<u32> count_{0};  // of entries_
};

inline void PollEntry::join(PollQueue& queue, Poller& poller) {
  queue_ = &queue, poller_ = &poller;
  SpinGuard guard(queue.lock_);
  queue.entries_.push_back(*this);
  queue.count_.fetch_add(1, std::memory_order_relaxed);
}

inline void PollEntry::leave() {
  PollQueue* const queue = std::exchange(queue_, nullptr);
  if (queue == nullptr) return;
  SpinGuard guard(queue->lock_);
  queue->entries_.erase(*this);
  queue->count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace meridian
