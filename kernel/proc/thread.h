// SPDX-License-Identifier: MIT
/// Thread: something that a CPU runs, on a kernel stack of its own. Any thread of the kernel may
/// sleep; its interrupts are on unless it masks them, and where they are on it can be preempted and
/// go on later, on another CPU unless it is bound to one. A program's thread is one that goes to
/// EL0 now and then: TTBR0 and the FP registers are part of it.
#pragma once

#include <arch/context.h>

#include <atomic>
#include <optional>
#include <string_view>

#include "kernel/lib/fixed_text.h"
#include "kernel/lib/list.h"
#include "kernel/lib/ref.h"
#include "kernel/sync/wait_queue.h"
#include "mm/range.h"

namespace meridian {

class Process;
class CpuQueue;

enum class ThreadState : u8 { running, ready, sleeping, ended };
const char* name_of(ThreadState state);

class Thread final : public Sleeper, public arch::ThreadContext, public RefCounted {
 public:
  static constexpr unsigned kAnyCpu = ~0u;

  /// `bound_to` is the one CPU that may run it.
  Thread(std::string_view name, unsigned bound_to);
  ~Thread() = default;

  WakeReason sleep(const WaitOptions& options) override;
  void wake() override;

  /// Ends interruptible sleeps, the present one and those to come, until forget_interrupt(); and if
  /// the thread is at EL0 on another CPU, brings it into the kernel.
  void interrupt();
  void forget_interrupt();
  /// Has interrupt() been called since? The thread itself asks, before it goes back to EL0.
  bool is_interrupted() const {
    return std::atomic_ref(interrupted_).load(std::memory_order_acquire);
  }

  /// Waits until it has ended.
  void join() {
    joiners_.wait(has_ended_, [](bool& ended) { return ended; }).value();
  }

  u64 id() const { return id_; }
  std::string_view name() const { return name_; }
  bool is_bound() const { return bound_to_ != kAnyCpu; }

  Process* process = nullptr;  // whose thread it is; null for the kernel's own

  /// The last reference is gone.
  static void destroy(Thread* thread);

 private:
  friend class CpuQueue;
  friend class ThreadList;

  void rouse(WakeReason reason);

  u64 id_ = 0;
  FixedText<16> name_;
  unsigned bound_to_;
  std::optional<VirtRange> stack_;  // to be freed at its end
  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;

  // What follows is for whoever holds the lock of the queue of the CPU in `cpu`.
  ThreadState state_ = ThreadState::running;
  WakeReason reason_ = WakeReason::woken;
  bool permit_ = false, interruptible_ = false;
  mutable bool interrupted_ = false;  // read without the lock, too
  u64 deadline_ = 0;
  u64 run_time_ = 0;  // in ticks, without the present run
  u64 waits_ = 0, preemptions_ = 0;
  ListHook<Thread> ready_hook_, timer_hook_;

  ListHook<Thread> all_hook_;  // the list of all has a lock of its own

  Locked<bool> has_ended_{false};
  WaitQueue joiners_;
};

/// The thread that calls it.
inline Thread& current_thread() { return static_cast<Thread&>(arch::current_context()); }

struct ThreadOptions {
  unsigned cpu = Thread::kAnyCpu;  // bound to it; it runs
};

/// A new thread that calls function(argument) and ends when that returns, or calls exit_thread().
/// The name is cut at 16 characters. Errc::out_of_frames, out_of_address_space.
Result<Ref<Thread>> start_thread(std::string_view name, void (*function)(void*), void* argument,
                                 const ThreadOptions& options = {});
/// The same in two steps: one that nobody runs yet, and its start.
Result<Ref<Thread>> make_thread(std::string_view name, void (*function)(void*), void* argument,
                                const ThreadOptions& options = {});
void run_thread(Thread& thread);
/// Ends the calling thread. No object on its stack may still need its destructor.
[[noreturn]] void exit_thread();
/// Lets the other threads of this CPU run first.
void yield();
/// Returns at `deadline` (of arch::counter()), not before.
void sleep_until(u64 deadline);

struct ThreadInfo {
  u64 id = 0;
  FixedText<16> name;
  ThreadState state{};
  unsigned cpu = 0;
  bool bound = false;
  bool interruptible = false;      // of a sleep: signals end it
  u64 run_time = 0;                // in ticks of arch::counter()
  u64 waits = 0, preemptions = 0;  // how often it slept, and how often it had to make room
};
/// The first thread whose id is above `id`; nothing if there is none. (For listing all of them
/// while they come and go.)
std::optional<ThreadInfo> next_thread(u64 id);

}  // namespace meridian
