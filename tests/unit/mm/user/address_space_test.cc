// SPDX-License-Identifier: MIT
/// Programs' address spaces, judged by what EL0 could do through the tables they leave, and by the
/// frames that are out before and after.
#include "mm/user/address_space.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "el0_oracle.h"
#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u64 kEnd = u64{1} << 48;

UserRange pages(u64 start, u64 count) { return {UserAddr(start), count * kPageSize}; }

class AddressSpaceTest : public testing::Test {
 protected:
  AddressSpaceTest()
      : ram(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 64_MiB}}), at_start(out()) {}
  ~AddressSpaceTest() override {
    EXPECT_EQ(out(), at_start) << "frames are missing, or too many came back";
  }

  /// Frames that are not free, without those behind the frame table.
  u64 out() const { return 64 * 256 - free_frame_count() - ram.backing.frames(); }

  FakeMachine ram;
  u64 at_start;
};

TEST_F(AddressSpaceTest, MapsFreshZeroedPagesWithJustTheRightsAskedFor) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0x40'0000, 2), kUserText));
  ASSERT_TRUE(space.map_new(pages(0x50'0000, 1), kUserRodata));
  ASSERT_TRUE(space.map_new(pages(0x60'0000, 3), kUserData));
  EXPECT_EQ(space.resident_frames(), 6u);

  const El0View text = *el0_view(space, UserAddr(0x40'1000));
  EXPECT_TRUE(text.read && !text.write && text.execute && !text.global);
  const El0View rodata = *el0_view(space, UserAddr(0x50'0fff));
  EXPECT_TRUE(rodata.read && !rodata.write && !rodata.execute && !rodata.global);
  const El0View data = *el0_view(space, UserAddr(0x60'2000));
  EXPECT_TRUE(data.read && data.write && !data.execute && !data.global);
  for (const u64 hole : {u64{0}, u64{0x3f'f000}, u64{0x40'2000}, u64{0x60'3000}, kEnd - kPageSize})
    EXPECT_FALSE(el0_view(space, UserAddr(hole))) << hole;

  std::set<u64> frames;
  for (u64 i = 0; i < 3; ++i) {
    const u64 pa = el0_view(space, UserAddr(0x60'0000 + i * kPageSize))->pa;
    EXPECT_TRUE(frames.insert(pa).second);
    EXPECT_EQ(frame_state(Frame(PhysAddr(pa))).owner, FrameOwner::user);
    for (u64 b = 0; b < kPageSize; ++b)
      ASSERT_EQ(linear_map.pointer<u8>(PhysAddr(pa))[b], 0) << "what others left shows";
  }
}

TEST_F(AddressSpaceTest, ReachesTheFirstAndTheLastPageOfTheHalf) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0, 1), kUserData));
  ASSERT_TRUE(space.map_new(pages(kEnd - kPageSize, 1), kUserData));
  EXPECT_TRUE(el0_view(space, UserAddr(0)) && el0_view(space, UserAddr(kEnd - 1)));
}

TEST_F(AddressSpaceTest, RefusesWhatIsNotInTheUserHalfOrNotWholePages) {
  AddressSpace space = AddressSpace::create().take();
  const auto code = [&](UserRange range) {
    const Errc mapped = space.map_new(range, kUserData).error().code;
    EXPECT_EQ(space.unmap(range).error().code, mapped);
    EXPECT_EQ(space.protect(range, kUserData).error().code, mapped);
    return mapped;
  };
  EXPECT_EQ(code(pages(0x1000, 0)), Errc::bad_range);
  EXPECT_EQ(code(pages(kEnd, 1)), Errc::bad_range);
  EXPECT_EQ(code(pages(kEnd - kPageSize, 2)), Errc::bad_range);
  EXPECT_EQ(code(pages(0xffff'0000'0000'0000, 1)), Errc::bad_range);
  EXPECT_EQ(code(pages(0x0100'0000'0040'0000, 1)), Errc::bad_range) << "a tag is no part of it";
  EXPECT_EQ(code(UserRange(UserAddr(~u64{0} - 0xfff), 0x2000)), Errc::bad_range);
  EXPECT_EQ(code(UserRange(UserAddr(0x1000), ~u64{0} - 0xfff)), Errc::bad_range);
  EXPECT_EQ(code(UserRange(UserAddr(0x1001), 0x1000)), Errc::not_aligned);
  EXPECT_EQ(code(UserRange(UserAddr(0x1000), 0x1001)), Errc::not_aligned);
  EXPECT_EQ(space.resident_frames(), 0u);
}

TEST_F(AddressSpaceTest, NeverMapsPagesThatCanBeWrittenAndExecuted) {
  AddressSpace space = AddressSpace::create().take();
  Attributes both = kUserData;
  both.execute = true;
  EXPECT_EQ(space.map_new(pages(0x1000, 1), both).error().code, Errc::write_and_execute);
  ASSERT_TRUE(space.map_new(pages(0x1000, 1), kUserData));
  EXPECT_EQ(space.protect(pages(0x1000, 1), both).error().code, Errc::write_and_execute);
  EXPECT_FALSE(el0_view(space, UserAddr(0x1000))->execute);
}

/// The 100 pages meet a mapped one at their end: the batches before it go away again.
TEST_F(AddressSpaceTest, MappingOverSomethingChangesNothing) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0x10'0000, 1), kUserRodata));
  const u64 before = out(), pa = el0_view(space, UserAddr(0x10'0000))->pa;
  EXPECT_EQ(space.map_new(pages(0x10'0000 - 99 * kPageSize, 100), kUserData).error(),
            (Error{Errc::already_mapped, 0x10'0000}));
  EXPECT_EQ(out(), before);
  EXPECT_EQ(space.resident_frames(), 1u);
  EXPECT_EQ(el0_view(space, UserAddr(0x10'0000))->pa, pa);
  EXPECT_FALSE(el0_view(space, UserAddr(0x10'0000 - kPageSize)));
}

TEST_F(AddressSpaceTest, UnmappingGivesTheFramesBackAndSkipsHoles) {
  AddressSpace space = AddressSpace::create().take();
  const u64 empty = out();
  ASSERT_TRUE(space.map_new(pages(0x1000, 4), kUserData));
  ASSERT_TRUE(space.unmap(pages(0x2000, 1)));
  EXPECT_FALSE(el0_view(space, UserAddr(0x2000)));
  EXPECT_TRUE(el0_view(space, UserAddr(0x3000)));
  EXPECT_EQ(space.resident_frames(), 3u);
  ASSERT_TRUE(space.unmap(pages(0, 0x1000)));
  EXPECT_EQ(space.resident_frames(), 0u);
  EXPECT_EQ(out(), empty) << "the tables are gone too";
}

TEST_F(AddressSpaceTest, ProtectingChangesRightsOfAllOrOfNothing) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0x1000, 3), kUserData));
  ASSERT_TRUE(space.protect(pages(0x2000, 1), kUserRodata));
  EXPECT_TRUE(el0_view(space, UserAddr(0x1000))->write);
  EXPECT_FALSE(el0_view(space, UserAddr(0x2000))->write);
  EXPECT_TRUE(el0_view(space, UserAddr(0x3000))->write);
  EXPECT_EQ(space.protect(pages(0x3000, 2), kUserRodata).error(),
            (Error{Errc::not_mapped, 0x4000}));
  EXPECT_TRUE(el0_view(space, UserAddr(0x3000))->write) << "nothing changed";
}

TEST_F(AddressSpaceTest, WritesAcrossPagesWhateverTheirRights) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0x1000, 1), kUserText));
  ASSERT_TRUE(space.map_new(pages(0x2000, 1), kUserRodata));
  std::vector<std::byte> bytes(0x1800);
  for (usize i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  ASSERT_TRUE(space.write(UserAddr(0x1400), bytes));
  for (usize i = 0; i < bytes.size(); ++i) {
    const El0View view = *el0_view(space, UserAddr(0x1400 + i));
    ASSERT_EQ(*linear_map.pointer<std::byte>(PhysAddr(view.pa)), bytes[i]);
  }
  EXPECT_EQ(space.write(UserAddr(0x2fff), std::span(bytes).first(2)).error(),
            (Error{Errc::not_mapped, 0x3000}));
}

TEST_F(AddressSpaceTest, KeepsSpacesApart) {
  AddressSpace one = AddressSpace::create().take(), two = AddressSpace::create().take();
  ASSERT_TRUE(one.map_new(pages(0x1000, 1), kUserData));
  ASSERT_TRUE(two.map_new(pages(0x1000, 1), kUserData));
  EXPECT_NE(el0_view(one, UserAddr(0x1000))->pa, el0_view(two, UserAddr(0x1000))->pa);
  EXPECT_NE(one.root().asid, two.root().asid);
  EXPECT_NE(one.root().table, two.root().table);
}

TEST_F(AddressSpaceTest, IsActiveAsLongAsSomebodySaysSo) {
  AddressSpace one = AddressSpace::create().take(), two = AddressSpace::create().take();
  const arch::UserRoot nobody{Frame::from_number(7), 0};
  arch::fake_user_root = nobody;
  {
    const ActiveSpace outer(one);
    EXPECT_EQ(arch::user_root(), one.root());
    {
      const ActiveSpace inner(two);
      EXPECT_EQ(arch::user_root(), two.root());
    }
    EXPECT_EQ(arch::user_root(), one.root());
  }
  EXPECT_EQ(arch::user_root(), nobody);
}

TEST_F(AddressSpaceTest, MovesWithEverythingItHas) {
  AddressSpace from = AddressSpace::create().take();
  ASSERT_TRUE(from.map_new(pages(0x1000, 2), kUserData));
  const arch::UserRoot root = from.root();
  AddressSpace to = std::move(from);
  EXPECT_EQ(to.root(), root);
  EXPECT_EQ(to.resident_frames(), 2u);
  EXPECT_TRUE(el0_view(to, UserAddr(0x2000)));
}

TEST_F(AddressSpaceTest, SaysWhereAnAddressLeads) {
  AddressSpace space = AddressSpace::create().take();
  ASSERT_TRUE(space.map_new(pages(0x1000, 1), kUserRodata));
  const Translation seen = space.translate(UserAddr(0x1234)).take();
  EXPECT_EQ(seen.pa.value(), el0_view(space, UserAddr(0x1234))->pa);
  EXPECT_TRUE(seen.attributes.user && !seen.attributes.write);
  EXPECT_EQ(space.translate(UserAddr(0x2000)).error().code, Errc::not_mapped);
  EXPECT_EQ(space.translate(UserAddr(kEnd)).error().code, Errc::not_canonical);
  EXPECT_EQ(space.walk(UserAddr(0x1234)).size(), 4u);
}

/// Notes how many frames were out when a whole ASID was invalidated.
class Recorder : public arch::FakeTlbObserver {
 public:
  Recorder() { arch::fake_tlb_observer = this; }
  ~Recorder() override { arch::fake_tlb_observer = nullptr; }
  void publish() override { published_ = true; }
  void invalidate_all(arch::FakeAsid its_asid) override {
    EXPECT_TRUE(published_);
    asid = its_asid, free_then = free_frame_count();
  }
  void finish() override { finished = true; }

  arch::FakeAsid asid;
  u64 free_then = 0;
  bool finished = false;

 private:
  bool published_ = false;
};

TEST_F(AddressSpaceTest, EndsWithTheTlbForgettingItBeforeAnyFrameIsFree) {
  std::optional<AddressSpace> space = AddressSpace::create().take();
  ASSERT_TRUE(space->map_new(pages(0x1000, 300), kUserData));
  const u16 asid = space->root().asid;
  const u64 free_before = free_frame_count();
  Recorder recorder;
  space.reset();
  EXPECT_EQ(recorder.asid, asid);
  EXPECT_EQ(recorder.free_then, free_before);
  EXPECT_TRUE(recorder.finished);
  EXPECT_GE(free_frame_count(), free_before + 300);
}

/// create() and a map_new() that needs tables at every level, with each of their allocations
/// failing in turn: what is left behind is what was there before.
TEST_F(AddressSpaceTest, RunningOutOfFramesAnywhereLeavesNothingBehind) {
  const UserRange across{UserAddr(0x0000'007f'ffff'0000), 64 * kPageSize};
  for (u64 nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    FailAllocation fail(nth);
    Result<AddressSpace> space = AddressSpace::create();
    if (!space.has_value()) {
      EXPECT_EQ(space.error().code, Errc::out_of_frames);
    } else {
      const u64 created = out();
      const Result<void> mapped = space.value().map_new(across, kUserData);
      if (mapped.has_value()) {
        ASSERT_FALSE(fail.has_fired());
        ASSERT_GT(nth, 64u + 7u);
        return;
      }
      EXPECT_EQ(mapped.error().code, Errc::out_of_frames);
      EXPECT_EQ(out(), created);
      EXPECT_EQ(space.value().resident_frames(), 0u);
    }
    ASSERT_TRUE(fail.has_fired());
    count_injections("address space");
  }
}

/// A few hundred random operations on two regions of pages, against a map from page to rights.
TEST_F(AddressSpaceTest, HoldsWhatAMapOfPagesSays) {
  std::mt19937_64 random(test_seed() + 21);
  AddressSpace space = AddressSpace::create().take();
  const u64 bases[] = {0x1f'0000, 0x7f'ffff'0000};  // each reaches over a table's end
  std::map<u64, bool> model;                        // page -> writable
  for (int i = 0; i < 600; ++i) {
    const u64 start = bases[random() % 2] + random() % 24 * kPageSize, count = 1 + random() % 8;
    const UserRange range = pages(start, count);
    const bool write = random() % 2;
    const Attributes rights = write ? kUserData : kUserRodata;
    u64 mapped = 0;
    for (u64 p = 0; p < count; ++p) mapped += model.contains(start + p * kPageSize);
    switch (random() % 3) {
      case 0:
        ASSERT_EQ(space.map_new(range, rights).has_value(), mapped == 0);
        if (mapped == 0)
          for (u64 p = 0; p < count; ++p) model[start + p * kPageSize] = write;
        break;
      case 1:
        ASSERT_TRUE(space.unmap(range));
        for (u64 p = 0; p < count; ++p) model.erase(start + p * kPageSize);
        break;
      default:
        ASSERT_EQ(space.protect(range, rights).has_value(), mapped == count);
        if (mapped == count)
          for (u64 p = 0; p < count; ++p) model[start + p * kPageSize] = write;
    }
    ASSERT_EQ(space.resident_frames(), model.size());
    for (const u64 base : bases) {
      for (u64 p = 0; p < 32; ++p) {
        const auto view = el0_view(space, UserAddr(base + p * kPageSize));
        const auto known = model.find(base + p * kPageSize);
        ASSERT_EQ(view.has_value(), known != model.end());
        if (view) {
          ASSERT_EQ(view->write, known->second);
        }
      }
    }
  }
}

}  // namespace
}  // namespace meridian
