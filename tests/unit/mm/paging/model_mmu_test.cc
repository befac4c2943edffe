// SPDX-License-Identifier: MIT
/// The judge is judged: each thing that the model MMU must report is done here on purpose, by hand
/// or by the engine with a TLB that has one flaw, and the sound twin of each is not reported.
#include <gtest/gtest.h>

#include <functional>

#include "machine.h"

namespace meridian {
namespace {

using model::Fault;
using model::ModelMmu;

/// The model's TLB behind hardware glue with one bug.
enum class Flaw : u8 {
  none,
  no_publish,
  no_invalidation,
  no_finish,
  leaf_only_always,
  wrong_page,
  first_page_only,
  too_wide_stride,
  wrong_asid,
  publish_after_invalidation,
};
Flaw the_flaw = Flaw::none;

class FlawedTlb {
 public:
  explicit FlawedTlb(model::ModelTlb tlb) : tlb_(tlb) {}
  void publish() {
    if (the_flaw != Flaw::no_publish && the_flaw != Flaw::publish_after_invalidation)
      tlb_.publish();
  }
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) {
    switch (the_flaw) {
      case Flaw::no_invalidation:
        return;
      case Flaw::leaf_only_always:
        scope = TlbScope::leaf_only;
        break;
      case Flaw::wrong_page:
        va = va + kPageSize;
        break;
      case Flaw::first_page_only:
        size = kPageSize;
        break;
      case Flaw::too_wide_stride:
        stride *= 2;
        break;
      default:
        break;
    }
    tlb_.invalidate(va, size, stride, scope);
    if (the_flaw == Flaw::publish_after_invalidation) tlb_.publish();
  }
  void invalidate_all() {
    if (the_flaw != Flaw::no_invalidation) tlb_.invalidate_all();
  }
  void finish() {
    if (the_flaw != Flaw::no_finish) tlb_.finish();
  }

 private:
  model::ModelTlb tlb_;
};

using Flawed = Machine<ArmUser39, Sharing::exclusive, FlawedTlb>;
using FlawedKernel = Machine<ArmKernel, Sharing::shared, FlawedTlb>;

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

class JudgeTest : public testing::Test {
 protected:
  void SetUp() override { the_flaw = Flaw::none; }
  void TearDown() override { the_flaw = Flaw::none; }
};

/// Runs `work` on a sound machine, which must be clean, and on one with the flaw, which must be
/// told.
template <typename M, typename Work>
void expect_told(Flaw flaw, Fault fault, Work&& work) {
  {
    the_flaw = Flaw::none;
    M sound;
    work(sound);
    sound.mmu.end_operation();
    EXPECT_TRUE(sound.mmu.reports().empty()) << sound.mmu.text();
  }
  M flawed;
  the_flaw = flaw;
  work(flawed);
  flawed.mmu.end_operation();
  EXPECT_TRUE(flawed.mmu.has(fault)) << "wanted: " << name_of(fault) << "\n" << flawed.mmu.text();
}

TEST_F(JudgeTest, AMappingThatIsNotPublishedIsTold) {
  expect_told<Flawed>(Flaw::no_publish, Fault::never_published, [](auto& machine) {
    ASSERT_TRUE(machine.mapper.map(range(0, 4_KiB), frame(0), kUserData));
  });
}

TEST_F(JudgeTest, AnInvalidationBeforeThePublishIsTold) {
  for (const Flaw flaw : {Flaw::no_publish, Flaw::publish_after_invalidation})
    expect_told<Flawed>(flaw, Fault::invalidated_unpublished, [](auto& machine) {
      ASSERT_TRUE(machine.mapper.map(range(0, 4_KiB), frame(0), kUserData));
      machine.mmu.publish();
      machine.mapper.unmap(range(0, 4_KiB)).flush();
    });
}

TEST_F(JudgeTest, AnInvalidationThatIsNotAwaitedIsTold) {
  expect_told<Flawed>(Flaw::no_finish, Fault::never_finished, [](auto& machine) {
    ASSERT_TRUE(machine.mapper.map(range(0, 8_KiB), frame(0), kUserData));
    machine.mapper.unmap(range(0, 4_KiB)).flush();
  });
}

/// The table goes back to the allocator while another CPU may still be walking through it.
TEST_F(JudgeTest, ATableFreedTooSoonIsTold) {
  for (const Flaw flaw : {Flaw::no_finish, Flaw::no_invalidation, Flaw::leaf_only_always})
    expect_told<Flawed>(flaw, Fault::table_reachable, [](auto& machine) {
      ASSERT_TRUE(machine.mapper.map(range(0, 4_KiB), frame(0), kUserData));
      machine.mapper.unmap(range(0, 4_KiB)).flush();
    });
}

/// Whatever was wrong with the invalidation, some page can still be reached; the sound twin's
/// cannot.
TEST_F(JudgeTest, APageThatCanStillBeReachedIsSeen) {
  for (const Flaw flaw : {Flaw::none, Flaw::no_invalidation, Flaw::no_finish, Flaw::wrong_page,
                          Flaw::first_page_only, Flaw::too_wide_stride}) {
    the_flaw = Flaw::none;
    FlawedKernel machine;
    ASSERT_TRUE(machine.mapper.map(range(ArmKernel::kBase, 40_KiB), frame(0), kKernelData));
    the_flaw = flaw;
    machine.mapper.unmap(range(ArmKernel::kBase, 16_KiB)).flush();
    bool reachable = false;
    for (u64 va = ArmKernel::kBase; va < ArmKernel::kBase + 16_KiB; va += 4_KiB)
      reachable |= !machine.mmu.outcomes(0, va).is_fault();
    EXPECT_EQ(reachable, flaw != Flaw::none) << static_cast<int>(flaw);
  }
}

/// Taking rights away without an invalidation leaves them with whoever used them before.
TEST_F(JudgeTest, RightsThatWereOnlyTakenFromMemoryAreSeen) {
  for (const Flaw flaw : {Flaw::none, Flaw::no_invalidation}) {
    the_flaw = Flaw::none;
    FlawedKernel machine;
    ASSERT_TRUE(machine.mapper.map(range(ArmKernel::kBase, 4_KiB), frame(0), kKernelData));
    the_flaw = flaw;
    ASSERT_TRUE(machine.mapper.protect(range(ArmKernel::kBase, 4_KiB), kKernelRodata));
    EXPECT_EQ(machine.mmu.outcomes(0, ArmKernel::kBase).hits.size(), flaw == Flaw::none ? 1u : 2u);
  }
}

/// Each change that needs break-before-make: with the invalidation dropped, the new entry meets the
/// old.
TEST_F(JudgeTest, AChangeWithoutTheBreakIsTold) {
  using Work = std::function<void(FlawedKernel&)>;
  constexpr u64 kStart = ArmKernel::kBase;
  Attributes device = kKernelData;
  device.type = MemoryType::device;
  Attributes tagged = kKernelData;
  tagged.global = false;
  const Work works[] = {
      [&](auto& m) { ASSERT_TRUE(m.mapper.protect(range(kStart, 4_KiB), device)); },
      [&](auto& m) { ASSERT_TRUE(m.mapper.protect(range(kStart, 4_KiB), tagged)); },
      [&](auto& m) {
        ASSERT_TRUE(m.mapper.replace_page(VirtAddr(kStart), frame(0x9000), kKernelData));
      },
      [&](auto& m) { ASSERT_TRUE(m.mapper.split_block(VirtAddr(kStart + 2_MiB), Level::L3)); },
      [&](auto& m) { m.mapper.unmap(range(kStart + 4_KiB, 4_KiB)).flush(); },  // cuts a group
  };
  for (const Work& work : works)
    expect_told<FlawedKernel>(Flaw::no_invalidation, Fault::conflicting_leaves, [&](auto& machine) {
      const Flaw flaw = std::exchange(the_flaw, Flaw::none);
      const MapOptions pages{.largest = Level::L3};
      ASSERT_TRUE(machine.mapper.map(range(kStart, 2_MiB), frame(0), kKernelData, pages));
      ASSERT_TRUE(machine.mapper.map(range(kStart + 2_MiB, 2_MiB), frame(2_MiB), kKernelData));
      the_flaw = flaw;
      work(machine);
    });
}

/// In a group the break must reach every member: any of them could bring back the whole.
TEST_F(JudgeTest, AGroupThatIsBrokenInPartIsTold) {
  expect_told<FlawedKernel>(Flaw::first_page_only, Fault::conflicting_leaves, [&](auto& machine) {
    const Flaw flaw = std::exchange(the_flaw, Flaw::none);
    ASSERT_TRUE(machine.mapper.map(range(ArmKernel::kBase, 64_KiB), frame(0), kKernelData));
    the_flaw = flaw;
    machine.mapper.unmap(range(ArmKernel::kBase + 4_KiB, 4_KiB)).flush();
  });
}

/// Words written by hand: tables at known places, the changes that no engine may make.
class ByHand : public testing::Test {
 protected:
  static constexpr u64 kPage = 0x0060'0000'0000'0f43;  // UXN PXN nG AF SH=inner AP=el0_rw, page
  static constexpr u64 kBlock = kPage & ~u64{2};
  static constexpr u64 kContiguous = u64{1} << 52;
  static constexpr unsigned kAsid = 5;
  static constexpr auto kOne = ModelMmu::Reach::one_asid;

  ByHand() : decoder_(false, 39), mmu_(tables_, decoder_) {
    for (u64* pa : {&l1_, &l2_, &l3_}) *pa = tables_.new_root().address().value();
    word(l1_, 0) = l2_ | 3;
    word(l2_, 0) = l3_ | 3;
    mmu_.add_space(l1_, kAsid);
  }
  u64& word(u64 table, usize i) { return tables_.words(table)[i]; }
  void flush(u64 va, TlbScope scope) {
    mmu_.publish();
    mmu_.invalidate(kOne, kAsid, va, 4_KiB, 4_KiB, scope);
    mmu_.finish();
  }

  FakeTables<u64> tables_{16};
  u64 l1_ = 0, l2_ = 0, l3_ = 0;
  model::VmsaDecoder decoder_;
  ModelMmu mmu_;
};

TEST_F(ByHand, ChangingTheOutputInPlaceIsAConflict) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = kPage | 0x2000;
  flush(7 * 4_KiB, TlbScope::leaf_only);
  EXPECT_TRUE(mmu_.has(Fault::conflicting_leaves));
}

TEST_F(ByHand, BreakBeforeMakeIsNone) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = 0;
  flush(7 * 4_KiB, TlbScope::leaf_only);
  word(l3_, 7) = kPage | 0x2000;
  mmu_.publish();
  mmu_.end_operation();
  EXPECT_TRUE(mmu_.reports().empty()) << mmu_.text();
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_just(0x2000));
}

TEST_F(ByHand, MakingBeforeTheBreakIsCompleteIsAConflict) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = 0;
  mmu_.publish();
  mmu_.invalidate(kOne, kAsid, 7 * 4_KiB, 4_KiB, 4_KiB, TlbScope::leaf_only);
  word(l3_, 7) = kPage | 0x2000;  // the invalidation is under way
  mmu_.finish();
  EXPECT_TRUE(mmu_.has(Fault::conflicting_leaves));
}

TEST_F(ByHand, UnmappingWithoutInvalidationAndMappingElsewhereIsAConflict) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = 0;
  mmu_.publish();
  word(l3_, 7) = kPage | 0x2000;
  mmu_.publish();
  EXPECT_TRUE(mmu_.has(Fault::conflicting_leaves));
}

/// Linux's mprotect does it, and it is sound: the same output again, other rights, one invalidation
/// later.
TEST_F(ByHand, ChangingRightsInPlaceIsNoConflict) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = kPage | 0x1000 | 0x80;  // read-only
  mmu_.publish();
  EXPECT_EQ(mmu_.outcomes(kAsid, 7 * 4_KiB).hits.size(), 2u) << "either, until it is invalidated";
  flush(7 * 4_KiB, TlbScope::leaf_only);
  EXPECT_EQ(mmu_.outcomes(kAsid, 7 * 4_KiB).hits.size(), 1u);
  mmu_.end_operation();
  EXPECT_TRUE(mmu_.reports().empty()) << mmu_.text();
}

/// An entry whose access flag is clear faults, and is never cached: it needs no break.
TEST_F(ByHand, AnEntryWithoutTheAccessFlagIsNotCached) {
  word(l3_, 7) = (kPage | 0x1000) & ~u64{0x400};
  mmu_.publish();
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
  word(l3_, 7) = kPage | 0x2000;
  mmu_.publish();
  mmu_.end_operation();
  EXPECT_TRUE(mmu_.reports().empty()) << mmu_.text();
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_just(0x2000));
}

TEST_F(ByHand, ABlockInThePlaceOfATableIsAConflictWithItsPages) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l2_, 0) = kBlock | 0x20'0000;
  mmu_.publish();
  EXPECT_TRUE(mmu_.has(Fault::conflicting_leaves));
}

/// The table is unlinked and the page invalidated, but as a last-level entry only: a walker may
/// still have the link, and finds what is written into the table afterwards.
TEST_F(ByHand, ALinkOutlivesALastLevelInvalidation) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l3_, 7) = 0;
  word(l2_, 0) = 0;
  flush(7 * 4_KiB, TlbScope::leaf_only);
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
  word(l3_, 7) = kPage | 0x2000;
  mmu_.publish();
  EXPECT_FALSE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
  tables_.free_table(frame(l3_));
  EXPECT_TRUE(mmu_.has(Fault::table_reachable));
}

TEST_F(ByHand, ATableMayBeFreedAfterAFullInvalidation) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  word(l2_, 0) = 0;
  flush(7 * 4_KiB, TlbScope::all_levels);
  tables_.free_table(frame(l3_));
  mmu_.end_operation();
  EXPECT_TRUE(mmu_.reports().empty()) << mmu_.text();
}

/// The invalidation names another 2 MiB: this link stays.
TEST_F(ByHand, AnInvalidationElsewhereLeavesTheLink) {
  word(l2_, 0) = 0;
  flush(2_MiB, TlbScope::all_levels);
  tables_.free_table(frame(l3_));
  EXPECT_TRUE(mmu_.has(Fault::table_reachable));
}

TEST_F(ByHand, ALiveTableMustNotBeFreed) {
  tables_.free_table(frame(l3_));
  EXPECT_TRUE(mmu_.has(Fault::table_reachable));
  EXPECT_THROW(tables_.words(l3_), std::logic_error);
  EXPECT_THROW(tables_.free_table(frame(l3_)), std::logic_error);
}

/// A link changed from one table to another without a break: a walk may take either.
TEST_F(ByHand, ALinkToAnotherTableIsAConflict) {
  word(l2_, 0) = tables_.new_root().address().value() | 3;
  mmu_.publish();
  EXPECT_TRUE(mmu_.has(Fault::conflicting_links));
}

TEST_F(ByHand, ATableInTwoPlacesIsTold) {
  word(l2_, 9) = l3_ | 3;
  mmu_.publish();
  EXPECT_TRUE(mmu_.has(Fault::table_shared));
}

TEST_F(ByHand, ALinkToWhatIsNoTableIsTold) {
  word(l2_, 9) = 0x1234'5000 | 3;
  mmu_.publish();
  EXPECT_TRUE(mmu_.has(Fault::reserved_encoding));
}

/// Fifteen of sixteen, or sixteen of which one leads elsewhere, are no group.
TEST_F(ByHand, AContiguousBitOnWhatIsNoGroupIsTold) {
  for (const u64 last : {u64{0}, kPage | kContiguous | 0x8'0000, kPage | 0xf000,
                         kPage | kContiguous | 0xf000 | 0x80}) {
    for (u64 i = 0; i < 15; ++i) word(l3_, i) = kPage | kContiguous | i << 12;
    word(l3_, 15) = last;
    mmu_.publish();
    mmu_.end_operation();
    EXPECT_TRUE(mmu_.has(Fault::broken_group)) << std::hex << last;
    for (u64 i = 0; i < 16; ++i) word(l3_, i) = 0;
    mmu_.publish();
    mmu_.invalidate(kOne, kAsid, 0, 64_KiB, 4_KiB, TlbScope::leaf_only);
    mmu_.finish();
    mmu_.end_operation();
    mmu_.clear_reports();
  }
}

/// Sixteen members whose frames start in the middle of 64 KiB.
TEST_F(ByHand, AGroupMustBeAligned) {
  for (u64 i = 0; i < 16; ++i) word(l3_, i) = kPage | kContiguous | (i + 8) << 12;
  mmu_.publish();
  mmu_.end_operation();
  EXPECT_TRUE(mmu_.has(Fault::broken_group));
}

/// One member is cleared and invalidated; the others may bring its translation back at once.
TEST_F(ByHand, AMemberOfAGroupComesBack) {
  for (u64 i = 0; i < 16; ++i) word(l3_, i) = kPage | kContiguous | i << 12;
  mmu_.publish();
  word(l3_, 3) = 0;
  flush(3 * 4_KiB, TlbScope::leaf_only);
  EXPECT_FALSE(mmu_.outcomes(kAsid, 3 * 4_KiB).is_fault());
}

/// By address, an invalidation of one ASID spares the others' entries; by ASID alone, the global
/// ones.
TEST_F(ByHand, EntriesAreTaggedWithTheirAsid) {
  const u64 other = tables_.new_root().address().value();
  const u64 other_l2 = tables_.new_root().address().value();
  const u64 other_l3 = tables_.new_root().address().value();
  word(other, 0) = other_l2 | 3;
  word(other_l2, 0) = other_l3 | 3;
  word(other_l3, 7) = kPage | 0x3000;
  mmu_.add_space(other, 6);
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_just(0x1000));
  EXPECT_TRUE(mmu_.outcomes(6, 7 * 4_KiB).is_just(0x3000));

  word(l3_, 7) = word(other_l3, 7) = 0;
  flush(7 * 4_KiB, TlbScope::leaf_only);
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
  EXPECT_FALSE(mmu_.outcomes(6, 7 * 4_KiB).is_fault());
}

TEST_F(ByHand, AGlobalEntryIsEverybodysAndSurvivesItsAsid) {
  const u64 other = tables_.new_root().address().value();
  mmu_.add_space(other, 6);
  word(l3_, 7) = (kPage | 0x1000) & ~u64{0x800};
  mmu_.publish();
  EXPECT_EQ(mmu_.outcomes(6, 7 * 4_KiB).hits.size(), 1u);
  word(l3_, 7) = 0;
  mmu_.publish();
  mmu_.invalidate_all(kOne, kAsid);
  mmu_.finish();
  EXPECT_FALSE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
  mmu_.invalidate_all(ModelMmu::Reach::all_asids, 0);
  mmu_.finish();
  EXPECT_TRUE(mmu_.outcomes(kAsid, 7 * 4_KiB).is_fault());
}

TEST_F(ByHand, ARetiredSpaceMayBeTakenApart) {
  word(l3_, 7) = kPage | 0x1000;
  mmu_.publish();
  mmu_.retire_space(kAsid);
  for (const u64 table : {l3_, l2_, l1_}) tables_.free_table(frame(table));
  EXPECT_TRUE(mmu_.reports().empty()) << mmu_.text();
}

/// What the manual forbids, at the level where it forbids it. 0x3 is a link, 0x1 a block.
TEST(Decoder, ReservedEncodingsAreErrors) {
  const model::VmsaDecoder arm(true, 48);
  const struct {
    unsigned level;
    u64 raw;
  } reserved[] = {
      {0, 0x0000'0000'0000'0701},  // a 512 GiB block
      {3, 0x0000'0000'0000'0701},  // a block where only pages are
      {1, 0x0000'0000'4020'0701},  // 1 GiB block, 2 MiB too far
      {1, 0x0000'0000'0001'0701},  // nT, without FEAT_BBM
      {2, 0x0000'0000'4000'1701},  // 2 MiB block, 4 KiB too far
      {3, 0x0001'0000'0000'0703},  // bits 49:48
      {3, 0x0004'0000'0000'0703},  // GP
      {3, 0x0008'0000'0000'0703},  // DBM
      {3, 0x0080'0000'0000'0703},  // software bits that nobody uses
      {3, 0x0000'0000'0000'0503},  // SH = 0b01
      {3, 0x0000'0000'0000'0403},  // cached, but not shareable
      {3, 0x0000'0000'0000'0713},  // AttrIndx 4
      {3, 0x0000'0000'0000'0723},  // NS
      {0, 0x8000'0000'0000'1003},  // NSTable
      {1, 0x1000'0000'0000'1003},  // UXNTable
      {2, 0x0001'0000'0000'1003},  // bits 50:48 of a link
  };
  for (const auto& entry : reserved) {
    EXPECT_EQ(arm.decode(entry.level, entry.raw).is, model::Decoded::Is::reserved)
        << "L" << entry.level << " " << std::hex << entry.raw;
  }
  EXPECT_EQ(arm.decode(3, 0xffff'ffff'ffff'fffe).is, model::Decoded::Is::invalid);
  EXPECT_EQ(arm.decode(2, 0x0000'0000'4000'0701).is, model::Decoded::Is::leaf);
  EXPECT_EQ(arm.decode(2, 0x0000'0000'4000'0703).is, model::Decoded::Is::table);
}

/// The same word, 0x783 with UXN, is kernel text at L3 and a link at L2.
TEST(Decoder, RightsFollowTheManualsTables) {
  const model::VmsaDecoder arm(true, 48);
  const model::Leaf text = arm.decode(3, 0x0040'0000'4008'0783).leaf;
  EXPECT_TRUE(text.el1_execute && !text.el1_write && !text.el0_read && !text.el0_execute);
  const model::Leaf user = arm.decode(3, 0x0000'0000'4008'0743).leaf;  // AP = el0_rw, no XN bit
  EXPECT_TRUE(user.el0_read && user.el0_write && user.el0_execute && user.el1_write);
  EXPECT_FALSE(user.el1_execute) << "what EL0 may write is never EL1's code";
}

TEST(Decoder, FindsTheFirstLevelFromTheSizeOfTheHalf) {
  const struct {
    unsigned va_bits, first_level, root_bits;
  } expected[] = {{48, 0, 9}, {47, 0, 8}, {40, 0, 1}, {39, 1, 9},
                  {32, 1, 2}, {30, 2, 9}, {25, 2, 4}};
  for (const auto& e : expected) {
    const model::VmsaDecoder decoder(false, e.va_bits);
    EXPECT_EQ(decoder.first_level, e.first_level);
    EXPECT_EQ(decoder.root_bits, e.root_bits);
    EXPECT_EQ(decoder.half_size(), u64{1} << e.va_bits);
  }
}

}  // namespace
}  // namespace meridian
