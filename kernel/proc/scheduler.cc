// SPDX-License-Identifier: MIT
#include "kernel/proc/scheduler.h"

#include <arch/clock.h>
#include <arch/interrupts.h>
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/timer.h>

#include <array>
#include <atomic>
#include <bit>
#include <utility>

#include "kernel/entry.h"
#include "kernel/lib/format.h"
#include "kernel/proc/thread_list.h"
#include "mm/kernel/vmalloc.h"
#include "mm/user/active_user_space.h"

namespace meridian {
namespace {

u64 slice_ticks() { return arch::counter_frequency() / 1000 * kSliceMilliseconds; }

/// The CPUs that run their idle thread, a bit each. Each writes its own. Sequentially consistent,
/// as CpuQueue::movable_ is: who makes a thread ready and then looks here, and who goes idle and
/// then looks for threads, cannot both miss the other.
constinit std::atomic<u32> idle_cpus{0};

/// The CPUs that take part, a bit each, and who waits for one to come.
constinit Locked<u32> online{0u};
constinit WaitQueue came_online;

}  // namespace

/// One CPU's share of the threads. Everything but movable_ is for the holder of its lock, and a
/// thread's own state for the holder of the lock of the queue that its `cpu` names. While a CPU
/// switches threads it holds the lock: taken by the one that goes, let go by the one that comes, so
/// that nobody runs a thread whose registers are not yet all on its stack.
class alignas(64) CpuQueue {
 public:
  static CpuQueue& mine();
  static CpuQueue& of(u64 cpu);
  /// The queue that has charge of `thread`, locked.
  static CpuQueue& lock_for(Thread& thread);
  void lock() { lock_.lock(); }
  void unlock() { lock_.unlock(); }

  bool is_started() const { return idle_ != nullptr; }
  /// The calling thread is what this CPU runs; `idle` is what it runs when there is nothing else.
  void start(Thread& idle);

  // With the lock held.
  WakeReason put_to_sleep(const WaitOptions& options);
  void rouse(Thread& thread, WakeReason reason);
  void interrupt(Thread& thread);
  void add(Thread& thread);
  void end_running();
  void let_others_run();
  void after_interrupt();

  /// Goes on with the next thread. Takes over the lock; when it returns, it is free.
  void run_next();
  /// The other half of run_next(), in the thread that comes.
  static void arrive();

  [[noreturn]] static void idle();

  CpuInfo info() const;
  ThreadInfo info_of(const Thread& thread) const;

  static void begin_thread(void* thread);
  static Result<Ref<Thread>> make_thread(std::string_view name, unsigned bound_to,
                                         void (*function)(void*), void* argument);
  static void finish(Thread& thread);

 private:
  unsigned index() const;
  void push(Thread& thread);
  Thread* pop();
  Thread* take_movable();
  bool steal();
  void sleep_until(Thread& thread, u64 deadline);
  void rouse_expired(u64 now);
  void set_timer();
  void tell(const Thread& thread, bool was_empty);

  Spinlock lock_;
  List<Thread, &Thread::ready_hook_> ready_;   // first come, first served
  List<Thread, &Thread::timer_hook_> timers_;  // sleepers with a deadline, earliest first
  Thread* running_ = nullptr;
  Thread* idle_ = nullptr;
  Thread* ended_ = nullptr;  // it ran last, and its stack is free once another has arrived
  u64 since_ = 0;            // when running_ began to
  u64 slice_end_ = 0;
  u64 started_ = 0, switches_ = 0;
  u64 affinity_ = 0;
  std::atomic<u32> movable_{0};  // threads in ready_ that another CPU may take
};

namespace {

constinit std::array<CpuQueue, arch::kMaxCpus> queues;

}  // namespace

CpuQueue& CpuQueue::mine() { return queues[arch::cpu_index()]; }
CpuQueue& CpuQueue::of(u64 cpu) { return queues[cpu]; }
unsigned CpuQueue::index() const { return static_cast<unsigned>(this - queues.data()); }

/// A ready thread may be moved by another CPU between our look at its `cpu` and the lock.
CpuQueue& CpuQueue::lock_for(Thread& thread) {
  const std::atomic_ref<u64> cpu(thread.cpu);
  for (;;) {
    CpuQueue& queue = queues[cpu.load(std::memory_order_relaxed)];
    queue.lock();
    if (&queue == &queues[cpu.load(std::memory_order_relaxed)]) return queue;
    queue.unlock();
  }
}

void CpuQueue::start(Thread& idle_thread) {
  running_ = &current_thread();
  idle_ = &idle_thread;
  started_ = since_ = arch::counter();
  affinity_ = arch::cpu_affinity();
  const u32 bit = 1u << index();
  if (running_ == idle_) idle_cpus.fetch_or(bit);
  online.with([bit](u32& cpus) { cpus |= bit; });
  came_online.wake_all();
}

void CpuQueue::push(Thread& thread) {
  ready_.push_back(thread);
  if (!thread.is_bound()) movable_.fetch_add(1);
}

Thread* CpuQueue::pop() {
  Thread* const thread = ready_.pop_front();
  if (thread != nullptr && !thread->is_bound()) movable_.fetch_sub(1);
  return thread;
}

Thread* CpuQueue::take_movable() {
  Thread* thread = ready_.front();
  while (thread != nullptr && thread->is_bound()) thread = ready_.next(*thread);
  if (thread == nullptr) return nullptr;
  ready_.erase(*thread);
  movable_.fetch_sub(1);
  return thread;
}

/// Moves a thread from the CPU with the most of them to this one, whose lock is not held: two locks
/// at once would need an order. In between the thread is in no queue, but ready, so nobody wants
/// it.
bool CpuQueue::steal() {
  CpuQueue* longest = nullptr;
  u32 most = 0;
  for (CpuQueue& queue : queues) {
    const u32 movable = queue.movable_.load();
    if (&queue == this || movable <= most) continue;
    longest = &queue;
    most = movable;
  }
  if (longest == nullptr) return false;
  longest->lock();
  Thread* const thread = longest->take_movable();
  if (thread != nullptr) std::atomic_ref(thread->cpu).store(u64{index()}, std::memory_order_relaxed);
  longest->unlock();
  if (thread == nullptr) return false;
  lock();
  push(*thread);
  unlock();
  return true;
}

/// The timer is this CPU's own, so only it sets it: for the first deadline, and for the end of the
/// slice if anybody waits for it.
void CpuQueue::set_timer() {
  const Thread* const first = timers_.front();
  const bool slice_counts = !ready_.is_empty() && running_ != idle_;
  if (first == nullptr && !slice_counts) return arch::stop_timer();
  u64 next = first == nullptr ? slice_end_ : first->deadline_;
  if (slice_counts && slice_end_ < next) next = slice_end_;
  arch::set_timer(next);
}

void CpuQueue::sleep_until(Thread& thread, u64 deadline) {
  thread.deadline_ = deadline;
  Thread* later = timers_.front();
  while (later != nullptr && later->deadline_ <= deadline) later = timers_.next(*later);
  timers_.insert_before(later, thread);
}

void CpuQueue::rouse_expired(u64 now) {
  while (Thread* const thread = timers_.front()) {
    if (thread->deadline_ > now) return;
    thread->reason_ = WakeReason::timed_out;
    add(*thread);
  }
}

/// `thread` came into this queue; whoever should run it is told.
void CpuQueue::tell(const Thread& thread, bool was_empty) {
  // A queue that was not empty has its slice timer set, or has been told already.
  if (this == &mine())
    set_timer();
  else if (was_empty)
    arch::send_ipi(arch::kRescheduleIpi, index());
  if (running_ == idle_ || thread.is_bound()) return;
  const u32 idle = idle_cpus.load();
  if (idle != 0)
    arch::send_ipi(arch::kRescheduleIpi, static_cast<unsigned>(std::countr_zero(idle)));
}

void CpuQueue::add(Thread& thread) {
  const bool was_empty = ready_.is_empty();
  if (thread.timer_hook_.is_linked()) timers_.erase(thread);
  thread.state_ = ThreadState::ready;
  push(thread);
  tell(thread, was_empty);
}

void CpuQueue::rouse(Thread& thread, WakeReason reason) {
  const bool ends_sleep = reason == WakeReason::woken || thread.interruptible_;
  if (thread.state_ == ThreadState::sleeping && ends_sleep) {
    thread.reason_ = reason;
    add(thread);
  } else if (reason == WakeReason::woken) {
    thread.permit_ = true;
  }
}

/// One that runs looks at its flag before it goes back to EL0; if it is there already, an interrupt
/// makes it look again.
void CpuQueue::interrupt(Thread& thread) {
  if (thread.state_ == ThreadState::running && this != &mine())
    return arch::send_ipi(arch::kRescheduleIpi, index());
  rouse(thread, WakeReason::interrupted);
}

/// Takes over the lock, as run_next().
WakeReason CpuQueue::put_to_sleep(const WaitOptions& options) {
  Thread& me = *running_;
  me.reason_ = WakeReason::woken;
  if (std::exchange(me.permit_, false)) {
  } else if (options.interruptible && me.interrupted_) {
    me.reason_ = WakeReason::interrupted;
  } else if (options.deadline && arch::counter() >= *options.deadline) {
    me.reason_ = WakeReason::timed_out;
  } else {
    me.state_ = ThreadState::sleeping;
    me.interruptible_ = options.interruptible;
    if (options.deadline) sleep_until(me, *options.deadline);
    run_next();
    return me.reason_;
  }
  unlock();
  return me.reason_;
}

void CpuQueue::let_others_run() {
  if (running_ != idle_) {
    running_->state_ = ThreadState::ready;
    push(*running_);
  }
  run_next();
}

void CpuQueue::end_running() {
  running_->state_ = ThreadState::ended;
  ended_ = running_;
  run_next();
}

void CpuQueue::after_interrupt() {
  const u64 now = arch::counter();
  rouse_expired(now);
  if (!ready_.is_empty() && (running_ == idle_ || now >= slice_end_)) return let_others_run();
  set_timer();
  unlock();
}

void CpuQueue::run_next() {
  Thread& from = *running_;
  Thread* to = pop();
  if (to == nullptr) to = from.state_ == ThreadState::running ? &from : idle_;
  const u64 now = arch::counter();
  from.run_time_ += now - since_;
  since_ = now;
  slice_end_ = now + slice_ticks();
  if (&from == idle_) from.state_ = ThreadState::ready;  // it is in no queue, but always can
  to->state_ = ThreadState::running;
  running_ = to;
  set_timer();
  if (to != &from) {
    const u32 bit = 1u << index();
    if (to == idle_) idle_cpus.fetch_or(bit);
    if (&from == idle_) idle_cpus.fetch_and(~bit);
    ++(from.state_ == ThreadState::sleeping ? from.waits_ : from.preemptions_);
    ++switches_;
    renew_user_half(*to, index());
    arch::switch_context(from, *to);
  }
  arrive();
}

void CpuQueue::arrive() {
  CpuQueue& queue = mine();  // not the one that this thread left, if it was moved
  Thread* const ended = std::exchange(queue.ended_, nullptr);
  queue.unlock();
  if (ended != nullptr) finish(*ended);
}

void CpuQueue::idle() {
  for (;;) {
    arch::mask_interrupts();
    CpuQueue& queue = mine();
    // What makes a thread ready from now on also interrupts us; masked, that still ends the wait.
    if (queue.ready_.is_empty() && !queue.steal()) arch::wait_for_interrupt();
    queue.lock();
    if (queue.ready_.is_empty())
      queue.unlock();
    else
      queue.run_next();
    arch::unmask_interrupts();
  }
}

void CpuQueue::begin_thread(void* thread) {
  arrive();
  arch::unmask_interrupts();
  Thread& me = *static_cast<Thread*>(thread);
  me.function_(me.argument_);
  exit_thread();
}

Result<Ref<Thread>> CpuQueue::make_thread(std::string_view name, unsigned bound_to,
                                          void (*function)(void*), void* argument) {
  Ref<Thread> thread = TRY(allocate_thread(name, bound_to));
  thread->stack_ = TRY(alloc_kernel_stack());
  thread->function_ = function;
  thread->argument_ = argument;
  thread->state_ = ThreadState::ready;
  arch::prepare_context(*thread, *thread->stack_, begin_thread, thread.get());
  return thread;
}

/// `thread` has left its CPU for good. The scheduler's reference to it is the last thing to go.
void CpuQueue::finish(Thread& thread) {
  const Ref<Thread> last = Ref<Thread>::adopt(thread);
  unlist_thread(thread);
  free_kernel_stack(*std::exchange(thread.stack_, std::nullopt));
  thread.has_ended_.with([](bool& ended) { ended = true; });
  thread.joiners_.wake_all();
}

CpuInfo CpuQueue::info() const {
  if (!is_started()) return {};
  const u64 now = arch::counter();
  const u64 present = running_ == idle_ && now > since_ ? now - since_ : 0;
  return {.runs = true,
          .affinity = affinity_,
          .ticks = now - started_,
          .idle_ticks = idle_->run_time_ + present,
          .switches = switches_};
}

ThreadInfo CpuQueue::info_of(const Thread& thread) const {
  const u64 present = running_ == &thread ? arch::counter() - since_ : 0;
  return {.id = thread.id_,
          .name = thread.name_,
          .state = thread.state_,
          .cpu = static_cast<unsigned>(thread.cpu),
          .bound = thread.is_bound(),
          .interruptible = thread.interruptible_,
          .run_time = thread.run_time_ + present,
          .waits = thread.waits_,
          .preemptions = thread.preemptions_};
}

WakeReason Thread::sleep(const WaitOptions& options) {
  CHECK(!arch::irqs_masked());
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::mine();
  CHECK(queue.is_started());
  queue.lock();
  return queue.put_to_sleep(options);
}

void Thread::rouse(WakeReason reason) {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::lock_for(*this);
  queue.rouse(*this, reason);
  queue.unlock();
}

void Thread::wake() { rouse(WakeReason::woken); }

void Thread::interrupt() {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::lock_for(*this);
  std::atomic_ref(interrupted_).store(true, std::memory_order_release);
  queue.interrupt(*this);
  queue.unlock();
}

void Thread::forget_interrupt() {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::lock_for(*this);
  std::atomic_ref(interrupted_).store(false, std::memory_order_relaxed);
  queue.unlock();
}

Sleeper& current_sleeper() { return current_thread(); }

Result<Ref<Thread>> make_thread(std::string_view name, void (*function)(void*), void* argument,
                                const ThreadOptions& options) {
  return CpuQueue::make_thread(name, options.cpu, function, argument);
}

void run_thread(Thread& thread) {
  list_thread(thread);
  thread.add_ref();  // the scheduler's, until finish()
  const arch::IrqGuard irq;
  const u32 idle = idle_cpus.load();
  if (!thread.is_bound())
    thread.cpu = idle != 0 ? static_cast<u64>(std::countr_zero(idle)) : arch::cpu_index();
  CpuQueue& queue = CpuQueue::of(thread.cpu);
  CHECK(queue.is_started());
  queue.lock();
  queue.add(thread);
  queue.unlock();
}

Result<Ref<Thread>> start_thread(std::string_view name, void (*function)(void*), void* argument,
                                 const ThreadOptions& options) {
  Ref<Thread> thread = TRY(make_thread(name, function, argument, options));
  run_thread(*thread);
  return thread;
}

void exit_thread() {
  arch::mask_interrupts();
  CpuQueue& queue = CpuQueue::mine();
  queue.lock();
  queue.end_running();
  UNREACHABLE();
}

void yield() {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::mine();
  queue.lock();
  queue.let_others_run();
}

void sleep_until(u64 deadline) {
  while (current_thread().sleep({.deadline = deadline}) != WakeReason::timed_out) {
  }
}

void after_interrupt() {
  CpuQueue& queue = CpuQueue::mine();
  if (!queue.is_started()) return;
  queue.lock();
  queue.after_interrupt();
}

Result<void> start_scheduler() {
  const auto main = [](void*) { CpuQueue::idle(); };
  Ref<Thread> idle = TRY(CpuQueue::make_thread("idle/0", 0, main, nullptr));
  list_thread(*idle);
  idle->add_ref();  // for ever
  CpuQueue::mine().start(*idle);
  return {};
}

Result<Ref<Thread>> make_idle_thread(unsigned cpu) {
  BufferWriter<16> name;
  print(name, "idle/{}", cpu);
  Ref<Thread> thread = TRY(allocate_thread(name.text(), cpu));
  return thread;
}

void run_idle() {
  Thread& me = current_thread();
  list_thread(me);
  CpuQueue::mine().start(me);
  CpuQueue::idle();
}

CpuInfo cpu_info(unsigned cpu) {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::of(cpu);
  queue.lock();
  const CpuInfo info = queue.info();
  queue.unlock();
  return info;
}

ThreadInfo thread_info(Thread& thread) {
  const arch::IrqGuard irq;
  CpuQueue& queue = CpuQueue::lock_for(thread);
  const ThreadInfo info = queue.info_of(thread);
  queue.unlock();
  return info;
}

unsigned running_cpus() {
  const u32 cpus = online.with([](u32& bits) { return bits; });
  unsigned count = 0;
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) count += cpus >> cpu & 1;
  return count;
}

Result<void> wait_for_cpu(unsigned cpu, u64 deadline) {
  return came_online.wait(online, [cpu](u32& cpus) { return (cpus >> cpu & 1) != 0; },
                          {.deadline = deadline});
}

}  // namespace meridian
