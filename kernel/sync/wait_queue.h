// SPDX-License-Identifier: MIT
/// WaitQueue: threads that wait until a state, which a Locked<T> owns, is as they want it. Whoever
/// changes the state does so inside with(), and then calls wake_one() or wake_all().
///
///   queue.wait(state, [](State& s) { return std::exchange(s.full, false); });   // one thread
///   state.with([](State& s) { s.full = true; }), queue.wake_one();              // another
///
/// No wake is lost: a waiter is on the queue before it lets go of the lock under which it found the
/// state wanting, so a change made after that finds it there.
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/result.h"
#include "kernel/sync/sleeper.h"
#include "kernel/sync/spinlock.h"

namespace meridian {

class WaitQueue {
 public:
  constexpr WaitQueue() = default;

  /// Calls `ready(T&)` under the lock of `state` until it returns true; sleeps in between, without
  /// the lock. So `ready` may take what it waited for. Errc::interrupted, if the options allow it
  /// and interrupt() came; Errc::timed_out at the deadline. Then `ready` has just said no once
  /// more, and nothing was taken.
  template <typename T, typename Ready>
  Result<void> wait(Locked<T>& state, Ready&& ready, const WaitOptions& options = {}) {
    Waiter me(*this);
    for (WakeReason reason = WakeReason::woken;;) {
      const bool done = state.with([&](T& value) {
        me.leave();  // a wake that comes from now on is not ours to lose
        if (ready(value)) return true;
        if (reason == WakeReason::woken) me.enter();
        return false;
      });
      if (done) return {};
      if (reason != WakeReason::woken) return error_of(reason);
      reason = me.sleep(options);
    }
  }

  // With nobody there these cost one load. Whoever waits came under the state's lock, and whoever
  // wakes has held it since: so a waiter that saw the state before the change is seen here.

  /// Wakes who has waited longest. Right if every waiter waits for the same thing; else
  /// wake_all(), and those whose time has not come sleep again.
  void wake_one() {
    if (is_empty()) return;
    SpinGuard guard(lock_);
    wake_first();
  }
  void wake_all() {
    if (is_empty()) return;
    SpinGuard guard(lock_);
    while (wake_first()) {
    }
  }
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }

 private:
  /// A thread inside wait(), on its stack.
  class Waiter {
   public:
    explicit Waiter(WaitQueue& queue) : queue_(queue) {}
    ~Waiter() { leave(); }  // `ready` threw: on the host a failed CHECK does

    void enter() {
      thread_ = &current_sleeper();
      SpinGuard guard(queue_.lock_);
      queue_.waiters_.push_back(*this);
      queue_.count(+1);
    }
    /// When it returns no waker knows this thread any more, also none that has just taken it off.
    void leave() {
      if (thread_ == nullptr) return;  // it never entered, or left
      SpinGuard guard(queue_.lock_);
      thread_ = nullptr;
      if (!hook.is_linked()) return;
      queue_.waiters_.erase(*this);
      queue_.count(-1);
    }
    WakeReason sleep(const WaitOptions& options) { return thread_->sleep(options); }
    void wake() { thread_->wake(); }

    ListHook<Waiter> hook;

   private:
    WaitQueue& queue_;
    Sleeper* thread_ = nullptr;  // from enter() to leave()
  };

  static Error error_of(WakeReason reason) {
    return {reason == WakeReason::interrupted ? Errc::interrupted : Errc::timed_out};
  }

  /// With lock_ held for as long as the waiter is in use: without it, it may be gone.
  bool wake_first() {
    Waiter* const first = waiters_.pop_front();
    if (first == nullptr) return false;
    count(-1);
    first->wake();
    return true;
  }

  void count(int by) {
    count_.store(count_.load(std::memory_order_relaxed) + static_cast<u32>(by),
                 std::memory_order_relaxed);
  }

  Spinlock lock_;
  List<Waiter, &Waiter::hook> waiters_;
  std::atomic<u32> count_{0};  // of waiters_; changes with lock_ held
};

}  // namespace meridian
