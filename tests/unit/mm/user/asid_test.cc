// SPDX-License-Identifier: MIT
#include "mm/user/asid.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "seed.h"

namespace meridian {
namespace {

TEST(AsidPool, GivesEveryNumberButZeroOnceAndThenNone) {
  for (const u32 count : {4u, 8u, 64u, 256u, 65'536u}) {
    const auto pool = std::make_unique<AsidPool>();
    std::set<u16> seen;
    for (u32 i = 1; i < count; ++i) {
      const u16 asid = pool->take(count).take();
      EXPECT_NE(asid, 0);
      EXPECT_LT(asid, count);
      EXPECT_TRUE(seen.insert(asid).second) << asid;
    }
    EXPECT_EQ(pool->take(count).error(), (Error{Errc::out_of_slots, count - 1}));
  }
}

/// A number that came back rests until all others have had their turn.
TEST(AsidPool, ReusesANumberAsLateAsItCan) {
  const auto pool = std::make_unique<AsidPool>();
  const u16 first = pool->take(256).take();
  pool->give(first);
  for (int i = 0; i < 254; ++i) {
    const u16 next = pool->take(256).take();
    ASSERT_NE(next, first);
    pool->give(next);
  }
  EXPECT_EQ(pool->take(256).value(), first);
}

TEST(AsidPool, NoticesANumberThatIsGivenBackTwice) {
  const auto pool = std::make_unique<AsidPool>();
  const u16 asid = pool->take(256).take();
  pool->give(asid);
  EXPECT_THROW(pool->give(asid), std::logic_error);
  EXPECT_THROW(pool->give(0), std::logic_error);
}

TEST(AsidPool, NeverGivesANumberThatIsTaken) {
  std::mt19937_64 random(test_seed() + 20);
  const auto pool = std::make_unique<AsidPool>();
  std::set<u16> taken;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 100 < 55) {
      const Result<u16> asid = pool->take(256);
      EXPECT_EQ(asid.has_value(), taken.size() < 255);
      if (asid.has_value()) {
        EXPECT_TRUE(taken.insert(asid.value()).second);
      }
    } else if (!taken.empty()) {
      const auto victim = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
      pool->give(*victim);
      taken.erase(victim);
    }
  }
}

/// A CPU of the model: its TLB forgets nothing but by flush(), and remembers for each number which
/// space filled it.
class ModelCpu {
 public:
  ModelCpu(AsidAllocator& asids, unsigned cpu) : asids_(asids), cpu_(cpu) {}

  /// Switches to space `id` and touches its memory. False if the TLB answered for another space.
  bool run(AsidContext& space, unsigned id) {
    arch::fake_cpu = cpu_;
    const u16 asid = asids_.activate(space, cpu_, [this] { tlb_.clear(), ++flushes; });
    EXPECT_NE(asid, 0);
    EXPECT_LT(asid, asids_.count());
    return tlb_.emplace(asid, id).first->second == id;
  }
  /// TLBI ASIDE1IS, as it reaches this CPU.
  void forget(u16 asid) { tlb_.erase(asid); }

  u64 flushes = 0;

 private:
  AsidAllocator& asids_;
  unsigned cpu_;
  std::map<u16, unsigned> tlb_;
};

TEST(AsidAllocator, ASpaceKeepsItsNumberWhileTheGenerationLasts) {
  const auto asids = std::make_unique<AsidAllocator>(8);
  ModelCpu cpu(*asids, 0);
  std::vector<AsidContext> spaces(255);
  for (int round = 0; round < 3; ++round)
    for (unsigned i = 0; i < 255; ++i) ASSERT_TRUE(cpu.run(spaces[i], i));
  EXPECT_EQ(cpu.flushes, 0u) << "there are numbers for all";
  std::set<u16> numbers;
  for (const AsidContext& space : spaces) numbers.insert(space.asid());
  EXPECT_EQ(numbers.size(), 255u);
}

TEST(AsidAllocator, BeginsAnewWithOneFlushWhenNumbersRunOut) {
  const auto asids = std::make_unique<AsidAllocator>(2);
  ModelCpu cpu(*asids, 0);
  std::vector<AsidContext> spaces(4);
  for (unsigned i = 0; i < 3; ++i) ASSERT_TRUE(cpu.run(spaces[i], i));
  EXPECT_EQ(cpu.flushes, 0u);
  const u16 running = spaces[2].asid();
  ASSERT_TRUE(cpu.run(spaces[3], 3));
  EXPECT_EQ(cpu.flushes, 1u);
  EXPECT_NE(spaces[3].asid(), running) << "what ran when the generation began keeps its number";
  ASSERT_TRUE(cpu.run(spaces[2], 2));
  EXPECT_EQ(spaces[2].asid(), running);
  EXPECT_EQ(cpu.flushes, 1u);
}

/// The other CPU runs one space all the time, and learns of the generations only when it switches.
TEST(AsidAllocator, ACpuThatNeverSwitchesKeepsItsNumberThroughGenerations) {
  const auto asids = std::make_unique<AsidAllocator>(3);
  ModelCpu busy(*asids, 0), steady(*asids, 1);
  AsidContext steady_space, other;
  ASSERT_TRUE(steady.run(steady_space, 1000));
  const u16 number = steady_space.asid();
  std::vector<AsidContext> spaces(40);
  for (unsigned i = 0; i < 40; ++i) {
    ASSERT_TRUE(busy.run(spaces[i], i));
    ASSERT_NE(spaces[i].asid(), number);
  }
  EXPECT_GT(busy.flushes, 3u);
  EXPECT_EQ(steady.flushes, 0u);
  ASSERT_TRUE(busy.run(steady_space, 1000)) << "the same space on two CPUs";
  EXPECT_EQ(steady_space.asid(), number);
  ASSERT_TRUE(steady.run(other, 1001));
  EXPECT_EQ(steady.flushes, 1u);
}

TEST(AsidAllocator, APinnedNumberIsNobodyElsesInAnyGeneration) {
  const auto asids = std::make_unique<AsidAllocator>(3);
  ModelCpu cpu(*asids, 0);
  const u16 pinned = asids->pin().take();
  std::vector<AsidContext> spaces(50);
  for (unsigned i = 0; i < 50; ++i) {
    ASSERT_TRUE(cpu.run(spaces[i], i));
    ASSERT_NE(spaces[i].asid(), pinned);
  }
  asids->unpin(pinned);
  EXPECT_THROW(asids->unpin(pinned), std::logic_error);
}

/// Several CPUs switch among more spaces than there are numbers, all at once: no TLB ever answers
/// for another space than the one that asks.
TEST(AsidAllocator, NoCpuUsesASpaceThroughAnothersEntries) {
  struct Case {
    unsigned bits, cpus;
  };
  for (const Case c : {Case{2, 2}, Case{3, 4}, Case{3, 6}}) {
    SCOPED_TRACE(c.cpus);
    const auto asids = std::make_unique<AsidAllocator>(c.bits);
    std::vector<AsidContext> spaces(20);
    std::vector<u64> flushes(c.cpus);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned cpu = 0; cpu < c.cpus; ++cpu) {
      threads.emplace_back([&, cpu] {
        std::mt19937_64 random(test_seed() + 100 * c.bits + cpu);
        ModelCpu model(*asids, cpu);
        for (int i = 0; i < 20'000; ++i) {
          const unsigned id = static_cast<unsigned>(random() % spaces.size());
          // Twice, since the second time takes the way without a lock.
          for (int again = 0; again < 2; ++again) wrong += !model.run(spaces[id], id);
        }
        flushes[cpu] = model.flushes;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    for (const u64 count : flushes) EXPECT_GT(count, 10u) << "the test is about new generations";
  }
}

}  // namespace
}  // namespace meridian
