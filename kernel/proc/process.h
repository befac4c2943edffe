// SPDX-License-Identifier: MIT
/// Process: a program's run, as its system calls see it: a number, memory, files, signals, relatives.
/// It has one thread. A process lives until its parent has learnt how it ended; its resources go when
/// it ends.
///
/// Three parties use it, and each part says whose it is: the process's own thread, inside a system
/// call; whoever holds the lock of the process table (`Family`); and anybody, through a lock of its
/// own.
#pragma once

#include <arch/signal_frame.h>
#include <arch/trap.h>

#include <atomic>
#include <optional>
#include <string_view>

#include "kernel/fs/fd_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/lib/fixed_text.h"
#include "kernel/lib/treap.h"
#include "kernel/proc/interval_timers.h"
#include "kernel/proc/limits.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/thread.h"
#include "kernel/proc/usage.h"
#include "mm/user/user_space.h"

namespace meridian {

class Process;
class ProcessTable;

/// How a process ended.
struct ProcessEnd {
  enum class How : u8 { exited, killed };
  How how = How::exited;
  int status = 0;       // exited: 0 to 255. killed: the signal
  arch::Fault fault{};  // killed for one: what it did

  static ProcessEnd exited(int status) { return {.how = How::exited, .status = status & 0xff}; }
  static ProcessEnd killed(Signal signal) { return {.how = How::killed, .status = signal}; }

  /// As a shell sees it: the status, or 128 and the signal.
  int exit_status() const { return how == How::exited ? status : 128 + status; }
  /// As wait4(2) tells it.
  u32 wait_status() const { return static_cast<u32>(how == How::exited ? status << 8 : status); }
};

enum class ProcessState : u8 { alive, stopped, ended };

/// A process among the others. For whoever holds the lock of processes().
struct Family {
  Process* parent = nullptr;  // null: the kernel started it
  u32 group = 0, session = 0;
  bool has_executed = false;  // since its fork: then its parent no longer chooses its group
  bool is_awaited = false;    // by the kernel, which started it (wait_for_end)
  Signal exit_signal = kSigchld;  // what its parent gets when it ends; 0: nothing
  ProcessState state = ProcessState::alive;
  ProcessEnd end;  // once it has ended
  // What wait4() has not told yet: a stop (the signal, else 0), and that it goes on.
  Signal stopped_by = 0;
  bool continued = false;
  Usage usage;           // of its own, once it has ended
  Usage children_usage;  // of the descendants that were waited for
  i8 nice = 0;           // kept for who asks: the scheduler treats all alike
  Signal parent_death_signal = 0;  // what it gets when its parent ends; 0: nothing
};

/// What it does with signals, and those that wait for it.
struct SignalState {
  SignalQueue pending;
  SignalSet blocked;
  std::array<SignalAction, kMostSignals> actions{};  // of signal n: n - 1
  arch::SignalStack stack;                           // sigaltstack; its own thread's
  SignalSet awaited;                    // blocked, but its thread waits for them (rt_sigtimedwait)
  std::optional<SignalSet> mask_after;  // what `blocked` becomes again (TemporaryMask)
  arch::Fault fault{};                  // the last one that became a signal

  SignalAction& action(Signal signal) { return actions[signal - 1u]; }
  /// What would be done about something now.
  SignalSet deliverable() const { return pending.pending() - blocked; }
};

/// Where the parts of its program are: /proc/PID/stat.
struct ProgramPlaces {
  UserRange code, data, arguments, environment, aux;
  UserAddr stack;  // the first stack pointer
};

class Process final : public RefCounted {
 public:
  /// What a fault that ends it does besides: the console gets a report, unless whoever started the
  /// program expects it to fault. Children inherit it.
  enum class OnFault : u8 { report, be_silent };

  /// One that does not run yet and is not in the table. Errc::out_of_frames.
  static Result<Ref<Process>> make();
  static void destroy(Process* process);
  Process() = default;
  ~Process() = default;

  /// Gives it a thread that goes to EL0 as `frame` says once run() is called. (In between the caller
  /// may change the thread's registers.) Errc::out_of_frames, out_of_address_space.
  Result<void> make_thread(const arch::TrapFrame& frame);
  void run();

  /// The calling thread's, which must be a process's.
  static Process& current() { return *current_thread().process; }

  u32 pid() const { return pid_; }
  /// Its parent's; 0 for who has none.
  u32 parent_pid() const { return parent_pid_.load(std::memory_order_relaxed); }
  /// Holding the lock of processes().
  void set_parent(Process* parent) {
    family.parent = parent;
    parent_pid_.store(parent == nullptr ? 0 : parent->pid_, std::memory_order_relaxed);
  }
  u64 start_time() const { return start_time_; }  // of arch::counter()
  Thread& thread() const { return *thread_; }

  // For its own thread (or while it does not run yet).
  UserSpace& space() { return *space_; }
  FdTable& files() { return *files_; }
  FsContext& fs() { return *fs_; }
  const Ref<UserSpace>& space_ref() { return space_; }
  const Ref<FdTable>& files_ref() { return files_; }
  const Ref<FsContext>& fs_ref() { return fs_; }
  OnFault on_fault = OnFault::report;
  UserAddr clear_child_tid{};  // set_tid_address
  /// When a sleep that a signal interrupted was to end, by Clock::since_start: if no handler runs, the
  /// call is made again, and goes on with it. (A handler makes it empty.)
  std::optional<u64> interrupted_sleep;
  bool may_gain_privileges = true;  // until prctl(PR_SET_NO_NEW_PRIVS); children inherit it

  // For anybody. These are empty once the process has ended.
  Ref<UserSpace> share_space() { return shared(space_); }
  Ref<FdTable> share_files() { return shared(files_); }
  Ref<FsContext> share_fs() { return shared(fs_); }
  Ref<Inode> executable() { return shared(executable_); }
  FixedText<16> name();
  void set_name(std::string_view name);  // cut at 15 bytes, as Linux does
  ProgramPlaces places();
  Limits limits();
  Limit limit(LimitKind kind);
  void set_limit(LimitKind kind, Limit limit);
  Capabilities capabilities();
  void set_capabilities(const Capabilities& capabilities);
  /// Its part of usage_of(): faults and resident memory.
  Usage memory_usage();

  /// /proc/PID/oom_score_adj: how readily it is killed when memory runs out, -1000 to 1000.
  std::atomic<i32> oom_adjustment{0};

  Locked<SignalState> signals;
  IntervalTimers interval_timers{*this};

  /// Resources change hands: the new ones are its own from now on. (Its own thread, or before it
  /// runs.)
  void set_space(Ref<UserSpace> space);
  void set_files(Ref<FdTable> files) { replace(files_, std::move(files)); }
  void set_fs(Ref<FsContext> fs) { replace(fs_, std::move(fs)); }
  void set_executable(Ref<Inode> file) { replace(executable_, std::move(file)); }
  void set_places(const ProgramPlaces& places);
  void set_limits(const Limits& limits);

  // For the holder of the lock of processes().
  Family family;
  TreapHook<Process> by_pid;
  ListHook<Process> sibling;
  List<Process, &Process::sibling> children;

  WaitQueue child_events;  // a child ended, stopped or goes on
  WaitQueue own_events;    // this one ended, or goes on after a stop
  /// The parent that waits in vfork() until this one has a space of its own, or none.
  Locked<bool> has_left_space{true};
  WaitQueue left_space;

 private:
  friend class ProcessTable;

  template <typename T>
  Ref<T> shared(Ref<T>& slot) {
    return resources_.with([&](Resources&) { return slot; });
  }
  template <typename T>
  void replace(Ref<T>& slot, Ref<T> with) {
    resources_.with([&](Resources&) { std::swap(slot, with); });
  }

  struct Resources {
    FixedText<16> name;
    ProgramPlaces places;
    Limits limits;
    Capabilities capabilities;
    Usage in_earlier_spaces;
  };

  static void begin(void* process);
  template <typename Change>
  void change_bounds(Change&& change);

  u32 pid_ = 0;
  std::atomic<u32> parent_pid_{0};
  u64 start_time_ = 0;
  Ref<Thread> thread_;
  arch::TrapFrame first_frame_{};  // with which it goes to EL0 for the first time
  // Written by the process's own thread alone, with resources_ locked.
  Ref<UserSpace> space_;
  Ref<FdTable> files_;
  Ref<FsContext> fs_;
  Ref<Inode> executable_;
  Locked<Resources> resources_;
};

}  // namespace meridian
