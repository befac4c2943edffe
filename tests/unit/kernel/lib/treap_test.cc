// SPDX-License-Identifier: MIT
/// Treaps against std::map.
#include "kernel/lib/treap.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "seed.h"

namespace meridian {
namespace {

struct Item {
  explicit Item(u64 its_key) : key(its_key) {}
  u64 key;
  TreapHook<Item> hook;
};
u64 key_of(const Item& item) { return item.key; }
using Tree = Treap<Item, &Item::hook, key_of>;

TEST(Treap, HoldsWhatAMapHolds) {
  std::mt19937_64 random(test_seed() + 60);
  Tree tree;
  std::map<u64, std::unique_ptr<Item>> model;
  for (int i = 0; i < 20'000; ++i) {
    const u64 key = random() % 700;
    const auto there = model.find(key);
    if (there == model.end()) {
      tree.insert(*(model[key] = std::make_unique<Item>(key)));
    } else if (random() % 2 == 0) {
      tree.erase(*there->second);
      model.erase(there);
    }
    const u64 asked = random() % 700;
    const auto least = model.lower_bound(asked);
    ASSERT_EQ(tree.at_least(asked), least == model.end() ? nullptr : least->second.get());
    ASSERT_EQ(tree.find(asked) != nullptr, model.contains(asked));
    ASSERT_EQ(tree.is_empty(), model.empty());
  }
}

/// The depth of 100000 keys that come in order is a few times the logarithm (17), not 100000.
TEST(Treap, KeysInOrderMakeNoList) {
  Tree tree;
  std::vector<std::unique_ptr<Item>> items;
  for (u64 i = 0; i < 100'000; ++i) tree.insert(*items.emplace_back(std::make_unique<Item>(i)));
  const auto depth = [](auto self, const Item* item) -> unsigned {
    return item == nullptr
               ? 0
               : 1 + std::max(self(self, item->hook.left), self(self, item->hook.right));
  };
  unsigned deepest = 0;
  for (const auto& item : items) deepest = std::max(deepest, depth(depth, item.get()));
  EXPECT_LT(deepest, 80u);
}

TEST(Treap, TheSameKeyTwiceIsABug) {
  Tree tree;
  Item one(1), two(1);
  tree.insert(one);
  EXPECT_THROW(tree.insert(two), std::logic_error);
  EXPECT_THROW(tree.erase(two), std::logic_error);
}

}  // namespace
}  // namespace meridian
