// SPDX-License-Identifier: MIT
/// The tree of areas against a naive model (a sorted map), with its invariants checked by a judge
/// of its own after every operation.
#include "mm/kernel/area_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "seed.h"

namespace meridian {

/// Recomputes from nothing what every node should hold.
class AreaTreeInspector {
 public:
  template <typename T, typename A>
  static std::string fault(const AreaTree<T, A>& tree) {
    AreaTreeInspector inspector(tree.raw_);
    inspector.visit(tree.raw_.root_, nullptr);
    inspector.fail_if(tree.raw_.last_ != inspector.before_, "last is wrong");
    if (inspector.before_ != nullptr)
      inspector.fail_if(inspector.before_->neighbour_[1] != nullptr, "something is above the last");
    if (inspector.fault_.empty() && inspector.seen_ != tree.raw_.count_) return "count is wrong";
    if (inspector.fault_.empty() && inspector.end_ != tree.raw_.tail_) return "tail is wrong";
    return inspector.fault_;
  }
  template <typename T, typename A>
  static u64 height(const AreaTree<T, A>& tree) {
    return tree.raw_.root_ == nullptr ? 0 : tree.raw_.root_->height_;
  }

 private:
  struct Seen {
    u64 height = 0, largest_gap = 0;
  };
  explicit AreaTreeInspector(const RawAreaTree& tree) : end_(tree.low_), high_(tree.high_) {}

  void fail_if(bool wrong, const char* what) {
    if (wrong && fault_.empty()) fault_ = what;
  }

  Seen visit(const AreaNode* n, const AreaNode* parent) {
    if (n == nullptr) return {};
    fail_if(n->parent_ != parent, "parent is wrong");
    const Seen lower = visit(n->child_[0], n);
    ++seen_;
    fail_if(n->start_ < end_, "areas overlap or are out of order");
    fail_if(n->neighbour_[0] != before_, "neighbour below is wrong");
    fail_if(before_ != nullptr && before_->neighbour_[1] != n, "neighbour above is wrong");
    before_ = n;
    fail_if(n->gap_ != n->start_ - end_, "gap is wrong");
    end_ = n->start_ + n->size_;
    fail_if(end_ > high_, "out of bounds");
    const Seen higher = visit(n->child_[1], n);
    const Seen mine{1 + std::max(lower.height, higher.height),
                    std::max({n->gap_, lower.largest_gap, higher.largest_gap})};
    fail_if(lower.height > higher.height + 1 || higher.height > lower.height + 1, "out of balance");
    fail_if(n->height_ != mine.height, "height is wrong");
    fail_if(n->largest_gap_ != mine.largest_gap, "largest gap is wrong");
    return mine;
  }

  u64 end_, high_;
  const AreaNode* before_ = nullptr;
  usize seen_ = 0;
  std::string fault_;
};

namespace {

struct TestArea : AreaNode {
  using AreaNode::AreaNode;
};
using Tree = AreaTree<TestArea>;

/// The same questions, answered the slow way.
class Model {
 public:
  explicit Model(VirtRange bounds) : bounds_(bounds) {}

  void insert(u64 start, u64 size) { areas_[start] = size; }
  void remove(u64 start) { areas_.erase(start); }
  const std::map<u64, u64>& areas() const { return areas_; }

  struct Gap {
    u64 start, end;
  };
  std::vector<Gap> gaps() const {
    std::vector<Gap> gaps;
    u64 at = bounds_.start().value();
    for (const auto& [start, size] : areas_) {
      if (start > at) gaps.push_back({at, start});
      at = start + size;
    }
    if (at < bounds_.end().value()) gaps.push_back({at, bounds_.end().value()});
    return gaps;
  }

  std::optional<u64> first_ending_after(u64 address) const {
    for (const auto& [start, size] : areas_)
      if (start + size > address) return start;
    return std::nullopt;
  }

  /// Every aligned place in a gap where `size` bytes fit, at the lowest or highest end of the gap.
  std::optional<u64> hole(u64 size, u64 alignment, VirtRange within, bool top, bool surely) const {
    std::optional<u64> found;
    for (const Gap& gap : gaps()) {
      if (surely && gap.end - gap.start < size + alignment - 1) continue;
      const u64 low = std::max(gap.start, within.start().value());
      const u64 high = std::min(gap.end, within.end().value());
      if (low >= high || high - low < size) continue;
      u64 at = top ? (high - size) / alignment * alignment
                   : (low + alignment - 1) / alignment * alignment;
      if (at < low || at + size > high) continue;
      if (!found || (top ? at > *found : at < *found)) found = at;
    }
    return found;
  }
  /// What the header promises: a gap that fits wherever it starts is preferred.
  std::optional<u64> preferred_hole(u64 size, u64 alignment, VirtRange within, bool top) const {
    const auto sure = hole(size, alignment, within, top, true);
    return sure ? sure : hole(size, alignment, within, top, false);
  }

 private:
  VirtRange bounds_;
  std::map<u64, u64> areas_;
};

constexpr VirtRange kBounds{VirtAddr(0xffff'8000'0000'0000), 4096 * kPageSize};

std::optional<u64> value_of(const Result<Tree::Room>& hole) {
  if (hole.has_value()) return hole.value().start.value();
  EXPECT_EQ(hole.error().code, Errc::out_of_address_space);
  return std::nullopt;
}

/// Random areas come and go; after each change the structure is judged and every question is asked.
class TreeAgainstModel {
 public:
  explicit TreeAgainstModel(u64 seed) : random_(seed) {}

  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      if (random_() % 8 < (areas_.size() < 200 ? 5u : 3u))
        insert();
      else
        remove();
      ASSERT_EQ(AreaTreeInspector::fault(tree_), "") << "after step " << i;
      ask();
      if (testing::Test::HasFailure()) return;
    }
    while (!areas_.empty()) remove();
    EXPECT_EQ(tree_.first(), nullptr);
    EXPECT_EQ(AreaTreeInspector::fault(tree_), "");
  }

 private:
  VirtRange random_part() {
    const u64 a = random_() % 4097, b = random_() % 4097;
    return {kBounds.start() + std::min(a, b) * kPageSize,
            (std::max(a, b) - std::min(a, b)) * kPageSize};
  }

  void insert() {
    const u64 size = (1 + random_() % (random_() % 16 == 0 ? 300 : 12)) * kPageSize;
    const u64 alignment = kPageSize << random_() % 6;
    const VirtRange within = random_() % 4 == 0 ? random_part() : kBounds;
    const bool top = random_() % 2 == 0;
    const auto room = top ? tree_.highest_hole(size, alignment, within)
                          : tree_.lowest_hole(size, alignment, within);
    const auto hole = value_of(room);
    ASSERT_EQ(hole, model_.preferred_hole(size, alignment, within, top));
    if (!hole) return;
    ASSERT_EQ(room.value().above, tree_.first_ending_after(VirtAddr(*hole)));
    auto area = std::make_unique<TestArea>(*hole, size);
    if (random_() % 2 == 0)
      tree_.insert(*area);
    else
      tree_.insert_below(room.value().above, *area);
    model_.insert(*hole, size);
    areas_.push_back(std::move(area));
  }

  void remove() {
    if (areas_.empty()) return;
    std::swap(areas_[random_() % areas_.size()], areas_.back());
    tree_.remove(*areas_.back());
    model_.remove(areas_.back()->start_value());
    areas_.pop_back();
  }

  void ask() {
    const u64 address = kBounds.start().value() + random_() % kBounds.size();
    const TestArea* found = tree_.first_ending_after(VirtAddr(address));
    const auto expected = model_.first_ending_after(address);
    ASSERT_EQ(found != nullptr, expected.has_value());
    if (found != nullptr) {
      ASSERT_EQ(found->start_value(), *expected);
    }
    const bool inside = expected && *expected <= address;
    ASSERT_EQ(tree_.containing(VirtAddr(address)), inside ? found : nullptr);
    ASSERT_EQ(tree_.count(), areas_.size());
    const TestArea* in_order = tree_.first();
    for (const auto& [start, size] : model_.areas()) {
      ASSERT_NE(in_order, nullptr);
      ASSERT_EQ(in_order->start_value(), start);
      ASSERT_EQ(in_order->size(), size);
      in_order = Tree::next(*in_order);
    }
    ASSERT_EQ(in_order, nullptr);
  }

  std::mt19937_64 random_;
  Tree tree_{kBounds};
  Model model_{kBounds};
  std::vector<std::unique_ptr<TestArea>> areas_;
};

/// 20,000 random operations; each is followed by a full check of the structure and of every answer.
TEST(AreaTree, AgreesWithASortedMap) {
  for (u64 round = 0; round < 10; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    TreeAgainstModel(test_seed() + round).run(2000);
    if (HasFailure()) return;
  }
}

/// An empty tree is one gap.
TEST(AreaTree, EmptyTreeIsOneGap) {
  Tree tree{VirtRange(VirtAddr(0x1000), 0x10000)};
  EXPECT_EQ(value_of(tree.lowest_hole(0x10000, 1, tree.bounds())), 0x1000u);
  EXPECT_EQ(value_of(tree.highest_hole(0x1000, 0x1000, tree.bounds())), 0x10000u);
  EXPECT_EQ(value_of(tree.lowest_hole(0x1000, 0x4000, tree.bounds())), 0x4000u);
  EXPECT_EQ(value_of(tree.lowest_hole(0x10001, 1, tree.bounds())), std::nullopt);
  EXPECT_EQ(tree.first(), nullptr);
  EXPECT_EQ(tree.containing(VirtAddr(0x1000)), nullptr);
}

/// Freeing the area between two gaps makes one gap of the three.
TEST(AreaTree, RemovingJoinsTheGapsOnBothSides) {
  Tree tree{VirtRange(VirtAddr(0), 0x9000)};
  TestArea low(0x2000, 0x1000), middle(0x4000, 0x1000), high(0x6000, 0x1000);
  for (TestArea* area : {&middle, &high, &low}) tree.insert(*area);
  EXPECT_EQ(value_of(tree.lowest_hole(0x3000, 0x1000, tree.bounds())), std::nullopt);
  tree.remove(middle);
  EXPECT_EQ(value_of(tree.lowest_hole(0x3000, 0x1000, tree.bounds())), 0x3000u);
}

/// The last gap before an alignment that hardly fits is still found, when no better one is left.
TEST(AreaTree, FindsAHoleThatFitsOnlyBecauseItIsAligned) {
  Tree tree{VirtRange(VirtAddr(0), 0x10000)};
  TestArea low(0, 0x8000), high(0xa000, 0x6000);  // the gap is exactly two aligned pages
  tree.insert(low);
  tree.insert(high);
  EXPECT_EQ(value_of(tree.lowest_hole(0x2000, 0x2000, tree.bounds())), 0x8000u);
  EXPECT_EQ(value_of(tree.highest_hole(0x2000, 0x8000, tree.bounds())), 0x8000u);
}

/// Sizes and alignments near 2^64 are refused like any other that does not fit.
TEST(AreaTree, RefusesAbsurdSizesAndAlignments) {
  Tree tree{kBounds};
  TestArea area(kBounds.start().value() + 0x10000, 0x1000);
  tree.insert(area);
  for (const u64 size : {kBounds.size() + 1, u64{1} << 63, ~u64{0}, ~u64{0} - 0xfff})
    for (const u64 alignment : {u64{1}, kPageSize, u64{1} << 63}) {
      EXPECT_EQ(value_of(tree.lowest_hole(size, alignment, kBounds)), std::nullopt);
      EXPECT_EQ(value_of(tree.highest_hole(size, alignment, kBounds)), std::nullopt);
    }
  for (unsigned shift = 0; shift < 64; ++shift) {
    const auto hole = tree.lowest_hole(kPageSize, u64{1} << shift, kBounds);
    // The bounds start at an odd multiple of 2^47, and end before the next one.
    EXPECT_EQ(hole.has_value(), shift <= 47) << shift;
  }
}

/// What overlaps, is empty or lies outside is the caller's bug.
TEST(AreaTree, InsertingWhatOverlapsIsABug) {
  Tree tree{VirtRange(VirtAddr(0x1000), 0x9000)};
  TestArea area(0x4000, 0x2000);
  tree.insert(area);
  for (const auto& [start, size] : std::vector<std::pair<u64, u64>>{{0x3000, 0x2000},
                                                                    {0x4000, 0x2000},
                                                                    {0x5000, 0x1000},
                                                                    {0x0, 0x1000},
                                                                    {0x9000, 0x2000},
                                                                    {0xa000, 0x1000},
                                                                    {0x2000, 0},
                                                                    {0x7000, ~u64{0}}}) {
    TestArea wrong(start, size);
    EXPECT_THROW(tree.insert(wrong), std::logic_error) << std::hex << start << " " << size;
    EXPECT_EQ(AreaTreeInspector::fault(tree), "");
  }
  EXPECT_EQ(tree.count(), 1u);
}

/// Adjacent areas in ascending order, the worst case for a tree without balance: 4096 of them are
/// 13 levels at most 1.44 log2(n + 2) high.
TEST(AreaTree, StaysBalancedWhenAreasComeInOrder) {
  Tree tree{kBounds};
  std::vector<std::unique_ptr<TestArea>> areas;
  for (u64 i = 0; i < 4096; ++i) {
    areas.push_back(std::make_unique<TestArea>(kBounds.start().value() + i * kPageSize, kPageSize));
    tree.insert(*areas.back());
  }
  EXPECT_EQ(AreaTreeInspector::fault(tree), "");
  EXPECT_EQ(AreaTreeInspector::height(tree), 13u);
  EXPECT_EQ(value_of(tree.lowest_hole(kPageSize, kPageSize, kBounds)), std::nullopt);
  for (u64 i = 0; i < 4096; i += 2) tree.remove(*areas[i]);
  EXPECT_EQ(AreaTreeInspector::fault(tree), "");
  EXPECT_EQ(value_of(tree.lowest_hole(kPageSize, kPageSize, kBounds)), kBounds.start().value());
  EXPECT_EQ(value_of(tree.lowest_hole(2 * kPageSize, kPageSize, kBounds)), std::nullopt);
}

}  // namespace
}  // namespace meridian
