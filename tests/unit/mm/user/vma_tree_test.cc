// SPDX-License-Identifier: MIT
/// VMAs against a map from page to what the page is: after each random step every page agrees, and
/// there are exactly as many VMAs as there are runs of pages that are alike.
#include "mm/user/vma_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "mm/slab/kmalloc.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr u64 kEnd = u64{1} << 48;
constexpr u64 kPages = 64;  // the test looks at the first 64 pages

/// What the model knows of one page.
struct PageModel {
  bool write, shared;
  const MemoryObject* object;
  u64 page;  // of the object
  friend bool operator==(const PageModel&, const PageModel&) = default;

  /// Would the page after this one be in the same VMA?
  bool continues_in(const PageModel& next) const {
    return write == next.write && shared == next.shared && object == next.object &&
           (object == nullptr || page + 1 == next.page);
  }
};

class VmaTreeTest : public testing::Test {
 protected:
  VmaTreeTest()
      : ram(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 64_MiB}}),
        object(MemoryObject::create(MemoryObject::Kind::shared, 1_GiB).take()),
        vmas(std::make_unique<VmaTree>(UserAddr(kEnd))) {}
  ~VmaTreeTest() override {
    vmas.reset();
    object.reset();
    close_kmalloc();
  }

  static UserAddr page(u64 index) { return UserAddr(index * kPageSize); }
  static UserRange range(u64 first, u64 count) { return {page(first), count * kPageSize}; }
  static VmaTraits traits(bool write, bool shared = false) {
    VmaTraits t;
    t.protection = {.read = true, .write = write};
    t.shared = shared;
    return t;
  }
  void add(u64 first, u64 count, bool write) {
    vmas->insert(*vmas->make(range(first, count), traits(write), {}, 0).take());
  }
  void remove(UserRange what) {
    ASSERT_TRUE(vmas->isolate(what));
    vmas->for_each(what, [&](Vma& vma) { vmas->remove(vma); });
  }

  void expect_model(const std::map<u64, PageModel>& model) const {
    usize runs = 0;
    const PageModel* before = nullptr;
    for (u64 i = 0; i < kPages; ++i) {
      const Vma* const vma = vmas->find(page(i));
      const auto known = model.find(i);
      ASSERT_EQ(vma != nullptr, known != model.end()) << i;
      if (vma == nullptr) {
        before = nullptr;
        continue;
      }
      const PageModel seen{vma->traits.protection.write, vma->traits.shared, vma->object.get(),
                           vma->object ? vma->page_at(page(i)) : 0};
      ASSERT_EQ(seen, known->second) << i;
      if (before == nullptr || !before->continues_in(known->second)) ++runs;
      before = &known->second;
    }
    ASSERT_EQ(vmas->count(), runs) << "neighbours that are alike are one";
  }

  FakeMachine ram;
  Ref<MemoryObject> object;
  std::unique_ptr<VmaTree> vmas;
};

TEST_F(VmaTreeTest, MakesNeighboursOneOnlyWhenTheyAreAlike) {
  add(1, 2, true);
  add(5, 2, true);
  EXPECT_EQ(vmas->count(), 2u);
  add(3, 2, true);
  EXPECT_EQ(vmas->count(), 1u) << "the one between joins both sides";
  EXPECT_EQ(vmas->first()->range(), range(1, 6));
  add(7, 1, false);
  EXPECT_EQ(vmas->count(), 2u);
}

TEST_F(VmaTreeTest, JoinsPartsOfAnObjectOnlyInTheirOrder) {
  const auto add_object = [&](u64 first, u64 first_page) {
    vmas->insert(*vmas->make(range(first, 2), traits(true, true), object, first_page).take());
  };
  add_object(2, 12);
  add_object(4, 14);
  EXPECT_EQ(vmas->count(), 1u);
  add_object(0, 11);
  EXPECT_EQ(vmas->count(), 2u) << "page 13 does not follow page 12";
  EXPECT_EQ(object->references(), 3u) << "ours, and one for each VMA";
}

TEST_F(VmaTreeTest, CutsAHoleIntoTheMiddleOfOne) {
  vmas->insert(*vmas->make(range(0, 10), traits(true, true), object, 100).take());
  remove(range(4, 3));
  ASSERT_EQ(vmas->count(), 2u);
  EXPECT_EQ(vmas->first()->range(), range(0, 4));
  EXPECT_EQ(VmaTree::next(*vmas->first())->range(), range(7, 3));
  EXPECT_EQ(VmaTree::next(*vmas->first())->first_page, 107u);
  EXPECT_FALSE(vmas->is_covered(range(3, 2)));
  EXPECT_TRUE(vmas->is_covered(range(7, 3)));
  EXPECT_FALSE(vmas->is_covered(range(7, 4)));
  EXPECT_TRUE(vmas->is_free(range(4, 3)));
}

TEST_F(VmaTreeTest, RunningOutOfFramesAnywhereChangesNothing) {
  for (u64 nth = 1;; ++nth) {
    add(0, 10, true);
    FailAllocation fail(nth);
    const bool cut = vmas->isolate(range(4, 3)).has_value();
    if (cut) {
      ASSERT_FALSE(fail.has_fired());
      ASSERT_EQ(nth, 3u) << "two allocations";
      EXPECT_EQ(vmas->count(), 3u);
      break;
    }
    EXPECT_EQ(vmas->count(), 1u);
    EXPECT_EQ(vmas->first()->range(), range(0, 10));
    vmas->clear();
  }
}

TEST_F(VmaTreeTest, HoldsWhatAMapOfPagesSays) {
  std::mt19937_64 random(test_seed() + 40);
  std::map<u64, PageModel> model;
  for (int step = 0; step < 4000; ++step) {
    const u64 first = random() % kPages, count = 1 + random() % std::min<u64>(12, kPages - first);
    const bool write = random() % 2, with_object = random() % 2;
    switch (random() % 3) {
      case 0: {  // map over whatever is there
        remove(range(first, count));
        const Ref<MemoryObject> mapped = with_object ? object : Ref<MemoryObject>();
        const u64 page = with_object ? first + random() % 2 : 0;  // often in order with neighbours
        vmas->insert(
            *vmas->make(range(first, count), traits(write, with_object), mapped, page).take());
        for (u64 i = 0; i < count; ++i)
          model[first + i] = {write, with_object, mapped.get(), with_object ? page + i : 0};
        break;
      }
      case 1:
        remove(range(first, count));
        for (u64 i = 0; i < count; ++i) model.erase(first + i);
        break;
      default:  // change rights
        ASSERT_TRUE(vmas->isolate(range(first, count)));
        vmas->for_each(range(first, count), [&](Vma& vma) { vma.traits.protection.write = write; });
        vmas->join(range(first, count));
        for (u64 i = 0; i < count; ++i)
          if (model.contains(first + i)) model[first + i].write = write;
    }
    expect_model(model);
    if (HasFatalFailure()) return;
  }
}

TEST_F(VmaTreeTest, ExtendsAStackDownUntilItMeetsItsLike) {
  add(2, 1, true);
  add(8, 2, true);
  vmas->extend_down(*vmas->find(page(8)), page(5));
  EXPECT_EQ(vmas->find(page(5))->range(), range(5, 5));
  vmas->extend_down(*vmas->find(page(8)), page(3));
  EXPECT_EQ(vmas->count(), 1u);
}

}  // namespace
}  // namespace meridian
