// SPDX-License-Identifier: MIT
#include "kernel/sync/mutex.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace meridian {
namespace {

/// With a lock that lets two in at once, increments would be lost.
TEST(Mutex, OneThreadAtATime) {
  Guarded<u64> counter{0u};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5'000; ++j) {
        counter.with([](u64& value) {
          const u64 seen = value;
          if (seen % 64 == 0) std::this_thread::yield();  // a holder may lose its CPU
          value = seen + 1;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.with([](u64& value) { return value; }), 20'000u);
}

TEST(Mutex, ATryFailsWhileAnotherHoldsIt) {
  Mutex mutex;
  mutex.lock();
  EXPECT_TRUE(mutex.is_mine());
  std::thread([&] {
    EXPECT_FALSE(mutex.is_mine());
    EXPECT_FALSE(mutex.try_lock());
  }).join();
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(Mutex, TakingItTwiceIsABug) {
  Mutex mutex;
  const MutexGuard guard(mutex);
  EXPECT_THROW(mutex.lock(), std::logic_error);
  EXPECT_THROW((void)mutex.try_lock(), std::logic_error);
}

TEST(Mutex, OnlyItsHolderLetsItGo) {
  Mutex mutex;
  EXPECT_THROW(mutex.unlock(), std::logic_error);
  mutex.lock();
  std::thread([&] { EXPECT_THROW(mutex.unlock(), std::logic_error); }).join();
  mutex.unlock();
}

}  // namespace
}  // namespace meridian
