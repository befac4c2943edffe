// SPDX-License-Identifier: MIT
/// A lock for long work: who does not get it sleeps. Its holder may sleep, be preempted and move to
/// another CPU; an interrupt handler, or code that holds a spinlock, cannot take it.
#pragma once

#include <utility>

#include "kernel/sync/wait_queue.h"

namespace meridian {

class Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// CHECKs that the caller does not hold it already.
  void lock() {
    Sleeper* const me = &current_sleeper();
    // Neither interruptible nor with a deadline, so it ends one way only.
    queue_.wait(owner_, [me](Sleeper*& owner) { return take(owner, me); }).value();
  }
  bool try_lock() {
    Sleeper* const me = &current_sleeper();
    return owner_.with([me](Sleeper*& owner) { return take(owner, me); });
  }
  /// CHECKs that the caller holds it.
  void unlock() {
    owner_.with([](Sleeper*& owner) {
      CHECK(owner == &current_sleeper());
      owner = nullptr;
    });
    queue_.wake_one();
  }
  bool is_mine() {
    return owner_.with([](Sleeper*& owner) { return owner == &current_sleeper(); });
  }

 private:
  static bool take(Sleeper*& owner, Sleeper* me) {
    CHECK(owner != me);
    if (owner != nullptr) return false;
    owner = me;
    return true;
  }

  Locked<Sleeper*> owner_{nullptr};
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
