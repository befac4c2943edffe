// SPDX-License-Identifier: MIT
/// Locks that own what they protect. Locked<T> gives access to its T only inside with(), which holds the
/// lock and masks interrupts on this CPU, so that a handler never waits for the code it interrupted.
/// The order in which locks nest is in kernel/sync/README.md.
#pragma once

#include <arch/cpu.h>
#include <arch/irq.h>

#include <atomic>
#include <utility>

#include "kernel/lib/types.h"

namespace meridian {

/// Whoever comes first when it is free has it: no queue. In one, a waiter whose turn it is but whose
/// CPU is not running (a virtual machine's, while its host does other work) holds up all behind it.
/// Use Locked<T> unless the protected data is not one object.
class Spinlock {
 public:
  constexpr Spinlock() = default;
  Spinlock(const Spinlock&) = delete;
  Spinlock& operator=(const Spinlock&) = delete;

  /// Interrupts must be masked already (see SpinGuard).
  void lock() {
    while (locked_.exchange(1, std::memory_order_acquire) != 0)
      while (is_locked()) arch::relax();
  }
  void unlock() { locked_.store(0, std::memory_order_release); }
  bool is_locked() const { return locked_.load(std::memory_order_relaxed) != 0; }

 private:
  std::atomic<u32> locked_{0};
};

/// Holds a Spinlock with interrupts masked, from construction to destruction.
class SpinGuard {
 public:
  explicit SpinGuard(Spinlock& lock) : lock_(lock) { lock_.lock(); }
  ~SpinGuard() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  arch::IrqGuard irq_;  // first in, last out
  Spinlock& lock_;
};

template <typename T>
class Locked {
 public:
  template <typename... Args>
  constexpr explicit Locked(Args&&... args) : value_(std::forward<Args>(args)...) {}

  /// Runs `use(T&)` alone and returns what it returns (never a reference into the T).
  template <typename Use>
  auto with(Use&& use) {
    SpinGuard guard(lock_);
    return std::forward<Use>(use)(value_);
  }

 private:
  Spinlock lock_;
  T value_;
};

}  // namespace meridian
