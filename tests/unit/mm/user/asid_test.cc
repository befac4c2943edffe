// SPDX-License-Identifier: MIT
#include "mm/user/asid.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>

#include "seed.h"

namespace meridian {
namespace {

TEST(AsidPool, GivesEveryNumberButZeroOnceAndThenNone) {
  for (const u32 count : {256u, 65'536u}) {
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

}  // namespace
}  // namespace meridian
