// SPDX-License-Identifier: MIT
/// Threads, on as many CPUs as the machine has: on one, everything here is a matter of slices.
#include <arch/clock.h>
#include <arch/irq.h>

#include <array>
#include <atomic>

#include "kernel/proc/scheduler.h"
#include "kernel/sync/mutex.h"
#include "mm/user/active_user_space.h"
#include "mm/user/user_copy.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

u64 milliseconds(u64 n) { return arch::counter_frequency() / 1000 * n; }

/// Starts a thread and waits for its end.
void run_in_thread(void (*function)(void*), void* argument, const ThreadOptions& options = {}) {
  const Result<Ref<Thread>> thread = start_thread("test", function, argument, options);
  ASSERT_OK(thread);
  thread.value()->join();
}

/// Several threads with one function, each with its number; all joined at the end.
template <usize N>
class Crew {
 public:
  using Work = void (*)(usize number);

  explicit Crew(Work work, unsigned cpu = Thread::kAnyCpu) {
    for (usize i = 0; i < N; ++i) {
      members_[i] = {work, i};
      const auto run = [](void* member) {
        const Member& me = *static_cast<Member*>(member);
        me.work(me.number);
      };
      Result<Ref<Thread>> thread = start_thread("crew", run, &members_[i], {.cpu = cpu});
      EXPECT_OK(thread);
      if (thread.has_value()) threads_[i] = thread.take();
    }
  }
  void join() {
    for (Ref<Thread>& thread : threads_)
      if (thread) thread->join();
  }
  ~Crew() { join(); }

 private:
  struct Member {
    Work work = nullptr;
    usize number = 0;
  };
  std::array<Member, N> members_;
  std::array<Ref<Thread>, N> threads_;
};

}  // namespace

KERNEL_TEST(thread, RunsItsFunctionWithItsArgumentAndEnds) {
  u64 seen = 0;
  run_in_thread([](void* argument) { *static_cast<u64*>(argument) = 42; }, &seen);
  EXPECT_EQ(seen, 42u);
}

KERNEL_TEST(thread, HasAnIdentityAndAStackOfItsOwn) {
  struct Seen {
    u64 id = 0, stack = 0;
    bool name_is_cut = false, masked = true;
  } seen;
  const auto look = [](void* argument) {
    Seen& out = *static_cast<Seen*>(argument);
    int local = 0;
    out.id = current_thread().id();
    out.stack = VirtAddr::of(&local).value();
    out.name_is_cut = current_thread().name() == "a name that is m";
    out.masked = arch::irqs_masked();
  };
  const Result<Ref<Thread>> thread = start_thread("a name that is much too long", look, &seen);
  ASSERT_OK(thread);
  thread.value()->join();
  EXPECT_EQ(seen.id, thread.value()->id());
  EXPECT_NE(seen.id, current_thread().id());
  EXPECT_NE(seen.stack & kKernelStackSize, 0u);  // the upper half of its block
  EXPECT_TRUE(seen.name_is_cut);
  EXPECT_FALSE(seen.masked);
}

/// Neither thread gives way, and both are bound to one CPU: only an interrupt can take it from one.
KERNEL_TEST(thread, ALongComputationIsPreempted) {
  static constinit std::atomic<u32> turn{0};
  turn = 0;
  Crew<2> crew(
      [](usize me) {
        for (u32 i = 0; i < 3; ++i) {
          while (turn.load() % 2 != me) {
          }
          turn.fetch_add(1);
        }
      },
      0);
  crew.join();
  EXPECT_EQ(turn.load(), 6u);
}

KERNEL_TEST(thread, SleepsUntilItsDeadlineAndNotLess) {
  const u64 deadline = arch::counter() + milliseconds(3);
  sleep_until(deadline);
  EXPECT_GE(arch::counter(), deadline);
  sleep_until(deadline);  // in the past: at once
}

/// The one that sleeps shortest wakes first, in whatever order they began.
KERNEL_TEST(thread, SleepersWakeInTheOrderOfTheirDeadlines) {
  static constinit std::atomic<u32> order{0};
  static constinit std::array<std::atomic<u32>, 3> place{};
  static constinit u64 start = 0;
  order = 0;
  start = arch::counter() + milliseconds(5);
  Crew<3> crew(
      [](usize me) {
        constexpr u64 kMilliseconds[] = {40, 0, 20};
        sleep_until(start + milliseconds(kMilliseconds[me]));
        place[me] = order.fetch_add(1);
      },
      0);
  crew.join();
  EXPECT_EQ(place[1].load(), 0u);
  EXPECT_EQ(place[2].load(), 1u);
  EXPECT_EQ(place[0].load(), 2u);
}

KERNEL_TEST(thread, AWaitEndsAtItsDeadline) {
  Locked<int> never{0};
  WaitQueue queue;
  const u64 deadline = arch::counter() + milliseconds(2);
  EXPECT_ERROR(queue.wait(never, [](int&) { return false; }, {.deadline = deadline}),
               Errc::timed_out);
  EXPECT_GE(arch::counter(), deadline);
  EXPECT_TRUE(queue.is_empty());
}

KERNEL_TEST(thread, AnInterruptEndsAnInterruptibleWait) {
  struct Waiting {
    Locked<int> never{0};
    WaitQueue queue;
    Errc code{};
  } waiting;
  const auto wait = [](void* argument) {
    Waiting& my = *static_cast<Waiting*>(argument);
    const Result<void> result =
        my.queue.wait(my.never, [](int&) { return false; }, {.interruptible = true});
    my.code = result.error().code;
  };
  const Result<Ref<Thread>> thread = start_thread("waits", wait, &waiting);
  ASSERT_OK(thread);
  while (waiting.queue.is_empty()) yield();
  thread.value()->interrupt();
  thread.value()->join();
  EXPECT_EQ(waiting.code, Errc::interrupted);
}

/// A lost wake would leave both waiting for ever; the run's time limit would end that.
KERNEL_TEST(thread, TwoThreadsHandATurnToAndFro) {
  static constinit Locked<u32> turn{0u};
  static constinit WaitQueue queue;
  turn.with([](u32& next) { next = 0; });
  Crew<2> crew([](usize me) {
    for (u32 i = 0; i < 2'000; ++i) {
      queue.wait(turn, [me](u32& next) { return next % 2 == me; }).value();
      turn.with([](u32& next) { ++next; });
      queue.wake_one();
    }
  });
  crew.join();
  EXPECT_EQ(turn.with([](u32& next) { return next; }), 4'000u);
}

/// Each reads, may lose its CPU, and writes back: without the mutex counts would be lost.
KERNEL_TEST(thread, AMutexLetsOneInAtATime) {
  static constinit Guarded<u64> counter{0u};
  counter.with([](u64& value) { value = 0; });
  Crew<6> crew([](usize) {
    for (u32 i = 0; i < 300; ++i) {
      counter.with([i](u64& value) {
        const u64 seen = value;
        if (i % 8 == 0) yield();
        value = seen + 1;
      });
    }
  });
  crew.join();
  EXPECT_EQ(counter.with([](u64& value) { return value; }), 1'800u);
}

KERNEL_TEST(thread, IsListedWhileItLivesAndNoMore) {
  struct Gate {
    Locked<bool> open{false};
    WaitQueue queue;
  } gate;
  const auto wait = [](void* argument) {
    Gate& my = *static_cast<Gate*>(argument);
    my.queue.wait(my.open, [](bool& open) { return open; }).value();
  };
  const Result<Ref<Thread>> thread = start_thread("listed", wait, &gate);
  ASSERT_OK(thread);
  const u64 id = thread.value()->id();
  while (gate.queue.is_empty()) yield();
  const std::optional<ThreadInfo> found = next_thread(id - 1);
  ASSERT_TRUE(found && found->id == id);
  EXPECT_EQ(found->name.view(), std::string_view("listed"));

  gate.open.with([](bool& open) { open = true; });
  gate.queue.wake_all();
  thread.value()->join();
  const std::optional<ThreadInfo> after = next_thread(id - 1);
  EXPECT_TRUE(!after || after->id != id);
}

/// Nobody keeps a reference: the thread goes by itself. Its time counts for it, not for others.
KERNEL_TEST(thread, ItsTimeIsCounted) {
  const auto work = [](void*) {
    const u64 end = arch::counter() + milliseconds(5);
    while (arch::counter() < end) {
    }
    const std::optional<ThreadInfo> me = next_thread(current_thread().id() - 1);
    EXPECT_TRUE(me && me->run_time >= milliseconds(2));
    EXPECT_EQ(me->state, ThreadState::running);
  };
  run_in_thread(work, nullptr);
}

/// Three threads on one CPU, each with a space in which the same address is its own memory; they
/// take turns, so each comes back to a CPU that has used another's space.
KERNEL_TEST(thread, KeepsItsUserSpace) {
  Crew<3> crew(
      [](usize me) {
        constexpr UserAddr kPlace{0x50'0000};
        const Result<Ref<UserSpace>> space = UserSpace::create();
        ASSERT_OK(space);
        UserSpace::Request wanted{.address = kPlace, .size = kPageSize, .traits = {}};
        wanted.place = UserSpace::Place::fixed;
        wanted.traits.protection = {.read = true, .write = true};
        ASSERT_OK(space.value()->map(wanted));
        const ActiveUserSpace active(*space.value());
        for (u64 i = 0; i < 50; ++i) {
          EXPECT_OK(write_user(kPlace, me << 32 | i));
          yield();
          EXPECT_EQ(read_user<u64>(kPlace).value_or(~u64{0}), me << 32 | i);
        }
      },
      0);
  crew.join();
}

}  // namespace meridian
