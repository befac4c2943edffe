// SPDX-License-Identifier: MIT
#include "kernel/sync/wait_queue.h"

#include <arch/clock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "host_sleeper.h"

namespace meridian {
namespace {

constexpr u64 kMillisecond = 1'000'000;  // of the host's counter

/// A thread that waits for tokens, one after the other, and notes in which order it got them.
class Tokens {
 public:
  void give(u32 count) {
    state_.with([count](u32& tokens) { tokens += count; });
  }
  Result<void> take(const WaitOptions& options = {}) {
    return queue.wait(
        state_, [](u32& tokens) { return tokens != 0 && tokens-- != 0; }, options);
  }
  u32 left() {
    return state_.with([](u32& tokens) { return tokens; });
  }

  WaitQueue queue;

 private:
  Locked<u32> state_{0u};
};

/// Returns when the thread of `sleeper` has begun its `nth` sleep.
void wait_for_sleep(HostSleeper& sleeper, unsigned nth) {
  while (sleeper.sleeps() < nth) std::this_thread::yield();
}

TEST(WaitQueue, WhatIsReadyIsTakenWithoutSleep) {
  Tokens tokens;
  tokens.give(1);
  const unsigned before = this_host_sleeper().sleeps();
  EXPECT_TRUE(tokens.take().has_value());
  EXPECT_EQ(this_host_sleeper().sleeps(), before);
  EXPECT_EQ(tokens.left(), 0u);
}

TEST(WaitQueue, AWaiterSleepsUntilTheStateIsAsItWants) {
  Tokens tokens;
  std::atomic<HostSleeper*> sleeper{nullptr};
  std::thread waiter([&] {
    sleeper = &this_host_sleeper();
    EXPECT_TRUE(tokens.take().has_value());
  });
  while (sleeper == nullptr) std::this_thread::yield();
  wait_for_sleep(*sleeper, 1);
  EXPECT_FALSE(tokens.queue.is_empty());
  tokens.queue.wake_one();  // for nothing: it looks, and sleeps again
  wait_for_sleep(*sleeper, 2);
  tokens.give(1);
  tokens.queue.wake_one();
  waiter.join();
  EXPECT_TRUE(tokens.queue.is_empty());
}

/// Four waiters that came one after the other: each token goes to who has waited longest.
TEST(WaitQueue, WakesInTheOrderOfArrival) {
  constexpr int kWaiters = 4;
  Tokens tokens;
  Locked<std::vector<int>> order;
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    std::atomic<HostSleeper*> sleeper{nullptr};
    waiters.emplace_back([&, i] {
      sleeper = &this_host_sleeper();
      ASSERT_TRUE(tokens.take().has_value());
      order.with([i](std::vector<int>& list) { list.push_back(i); });
    });
    while (sleeper == nullptr) std::this_thread::yield();
    wait_for_sleep(*sleeper, 1);
  }
  for (usize i = 0; i < kWaiters; ++i) {
    tokens.give(1);
    tokens.queue.wake_one();
    while (order.with([](std::vector<int>& list) { return list.size(); }) != i + 1)
      std::this_thread::yield();
  }
  for (std::thread& waiter : waiters) waiter.join();
  order.with([](std::vector<int>& list) { EXPECT_EQ(list, (std::vector<int>{0, 1, 2, 3})); });
}

/// Two threads hand a ball to and fro. A lost wake ends in a test that does not.
TEST(WaitQueue, LosesNoWake) {
  constexpr int kRounds = 20'000;
  Locked<int> turn{0};
  WaitQueue queue;
  const auto play = [&](int me) {
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_TRUE(queue.wait(turn, [me](int& whose) { return whose == me; }).has_value());
      turn.with([me](int& whose) { whose = 1 - me; });
      queue.wake_one();
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_TRUE(queue.is_empty());
}

/// Makers and takers, some of whom give up now and then: every token is taken once, and none stays.
TEST(WaitQueue, ImpatientWaitersTakeNoWakeWithThem) {
  constexpr u32 kTakers = 4, kEach = 2'000;
  Tokens tokens;
  std::atomic<u32> taken{0};
  std::vector<std::thread> takers;
  for (u32 i = 0; i < kTakers; ++i) {
    takers.emplace_back([&, i] {
      for (u32 mine = 0; mine < kEach;) {
        WaitOptions options;
        if (i % 2 == 0) options.deadline = arch::counter() + 20'000;
        if (tokens.take(options).has_value()) ++mine, ++taken;
      }
    });
  }
  for (u32 i = 0; i < kTakers * kEach; ++i) {
    tokens.give(1);
    tokens.queue.wake_one();
  }
  for (std::thread& taker : takers) taker.join();
  EXPECT_EQ(taken, 8'000u);
  EXPECT_EQ(tokens.left(), 0u);
}

TEST(WaitQueue, WakeAllWakesEverybody) {
  Tokens tokens;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 8; ++i) waiters.emplace_back([&] { EXPECT_TRUE(tokens.take().has_value()); });
  tokens.give(8);
  tokens.queue.wake_all();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(tokens.left(), 0u);
}

TEST(WaitQueue, ADeadlineEndsTheWaitNotBefore) {
  Tokens tokens;
  const u64 deadline = arch::counter() + 5 * kMillisecond;
  const Result<void> result = tokens.take({.deadline = deadline});
  EXPECT_EQ(result.error().code, Errc::timed_out);
  EXPECT_GE(arch::counter(), deadline);
  EXPECT_TRUE(tokens.queue.is_empty());
}

TEST(WaitQueue, ADeadlineInThePastStillTakesWhatIsReady) {
  Tokens tokens;
  EXPECT_EQ(tokens.take({.deadline = 0}).error().code, Errc::timed_out);
  tokens.give(1);
  EXPECT_TRUE(tokens.take({.deadline = 0}).has_value());
}

TEST(WaitQueue, AnInterruptEndsAnInterruptibleWaitAndNoOther) {
  Tokens tokens;
  for (const bool interruptible : {true, false}) {
    std::atomic<HostSleeper*> sleeper{nullptr};
    std::thread waiter([&] {
      sleeper = &this_host_sleeper();
      const Result<void> result = tokens.take({.interruptible = interruptible});
      EXPECT_EQ(result.has_value(), !interruptible);
      if (!interruptible) return;
      EXPECT_EQ(result.error().code, Errc::interrupted);
    });
    while (sleeper == nullptr) std::this_thread::yield();
    wait_for_sleep(*sleeper, 1);
    sleeper.load()->interrupt();
    if (!interruptible) {
      tokens.give(1);
      tokens.queue.wake_one();
    }
    waiter.join();
    EXPECT_TRUE(tokens.queue.is_empty());
  }
}

/// An interrupt that came before counts until it is forgotten.
TEST(WaitQueue, AnInterruptThatCameBeforeTheWaitEndsIt) {
  Tokens tokens;
  this_host_sleeper().interrupt();
  EXPECT_EQ(tokens.take({.interruptible = true}).error().code, Errc::interrupted);
  this_host_sleeper().forget_interrupt();
  const WaitOptions options{.interruptible = true, .deadline = arch::counter() + kMillisecond};
  EXPECT_EQ(tokens.take(options).error().code, Errc::timed_out);
}

}  // namespace
}  // namespace meridian
