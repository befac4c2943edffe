// SPDX-License-Identifier: MIT
/// A lock for long work: who does not get it sleeps. Its holder may sleep, be preempted and move to
/// another CPU; an interrupt handler, or code that holds a spinlock, cannot take it.
///
/// One word says who holds it. While nobody waits, taking it and letting it go are one atomic access
/// each. Who has to wait says so in the word, and then letting go wakes somebody. Invariant: while a
/// thread is on the queue, the word says that somebody waits, or a thread that was woken has not
/// looked yet (and will say so if it must wait on, or if it gets the lock).
#pragma once

#include <arch/cpu.h>

#include <utility>

#include "kernel/lib/check.h"
#include "kernel/sync/wait_queue.h"

namespace meridian {

class Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// CHECKs that the caller does not hold it already.
  void lock() {
    const u64 me = caller();
    if (!take_free(me)) [[unlikely]]
      wait(me);
  }
  bool try_lock() {
    const u64 me = caller();
    if (take_free(me)) return true;
    CHECK(holder() != me);
    return false;
  }
  /// CHECKs that the caller holds it.
  void unlock() {
    u64 expected = caller();
    if (!word_.compare_exchange_strong(expected, 0, std::memory_order_release,
                                       std::memory_order_relaxed)) [[unlikely]]
      let_go_and_wake();
  }
  bool is_mine() const { return holder() == caller(); }

 private:
  static constexpr u64 kSomebodyWaits = 1;

  static u64 caller() { return reinterpret_cast<u64>(&arch::current_context()); }
  u64 holder() const { return word_.load(std::memory_order_relaxed) & ~kSomebodyWaits; }

  bool take_free(u64 me) {
    u64 expected = 0;
    return word_.compare_exchange_strong(expected, me, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  [[gnu::noinline]] void wait(u64 me) {
    CHECK(holder() != me);
    // Neither interruptible nor with a deadline, so it ends one way only.
    queue_.wait(gate_, [this, me](Gate&) { return take_or_announce(me); }).value();
  }
  /// Others may wait too, so whoever has waited leaves the mark.
  bool take_or_announce(u64 me) {
    u64 word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const bool is_free = (word & ~kSomebodyWaits) == 0;
      const u64 wanted = (is_free ? me : word) | kSomebodyWaits;
      if (word_.compare_exchange_weak(word, wanted, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return is_free;
    }
  }
  /// With the gate shut, so that who has just announced himself is on the queue.
  [[gnu::noinline]] void let_go_and_wake() {
    CHECK(is_mine());
    gate_.with([this](Gate&) { word_.store(0, std::memory_order_release); });
    queue_.wake_one();
  }

  struct Gate {};

  std::atomic<u64> word_{0};  // the holder's ThreadContext, and kSomebodyWaits; 0: free
  Locked<Gate> gate_;
  WaitQueue queue_;
};

/// Holds a Mutex from construction to destruction.
class [[nodiscard]] MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

/// As Locked<T>, but who waits sleeps.
template <typename T>
class Guarded {
 public:
  template <typename... Args>
  constexpr explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  /// Runs `use(T&)` alone and returns what it returns (never a reference into the T).
  template <typename Use>
  auto with(Use&& use) {
    MutexGuard guard(mutex_);
    return std::forward<Use>(use)(value_);
  }

 private:
  Mutex mutex_;
  T value_;
};

}  // namespace meridian
