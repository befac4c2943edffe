// SPDX-License-Identifier: MIT
/// A machine for the paging tests: table memory, the model MMU that watches it, and a mapper, once
/// for each format and each way of sharing.
#pragma once

#include <gtest/gtest.h>

#include "arch/aarch64/vmsa/descriptor.h"
#include "fake_tables.h"
#include "mm/paging/mapper.h"
#include "model_decoders.h"
#include "model_mmu.h"
#include "toy_format.h"

namespace meridian {

/// The high half of a 48-bit Arm space: four levels, leaves of 1 GiB, 2 MiB and 4 KiB, groups
/// of 16.
struct ArmKernel {
  using Format = arch::Vmsa;
  static constexpr bool kHigh = true;
  static constexpr u64 kBase = 0xffff'0000'0000'0000;
  static constexpr Attributes kData = kKernelData;
  static Format::Geometry geometry() { return Format::Geometry(arch::Half::high, 48); }
  static model::VmsaDecoder decoder() { return {kHigh, 48}; }
};
/// The low half of a 39-bit Arm space: the walk starts at L1.
struct ArmUser39 {
  using Format = arch::Vmsa;
  static constexpr bool kHigh = false;
  static constexpr u64 kBase = 0;
  static constexpr Attributes kData = kUserData;
  static Format::Geometry geometry() { return Format::Geometry(arch::Half::low, 39); }
  static model::VmsaDecoder decoder() { return {kHigh, 39}; }
};
/// Four levels of 16 entries: leaves of 1 MiB, 64 KiB and 4 KiB, groups of 2 and 4.
struct ToyKernel {
  using Format = toy::Format;
  static constexpr bool kHigh = true;
  static constexpr u64 kBase = 0xffff'ffff'f000'0000;
  static constexpr Attributes kData = kKernelData;
  static Format::Geometry geometry() { return {kHigh, 4}; }
  static model::ToyDecoder decoder() { return {kHigh, 4}; }
};
struct ToyUser {
  using Format = toy::Format;
  static constexpr bool kHigh = false;
  static constexpr u64 kBase = 0;
  static constexpr Attributes kData = kUserData;
  static Format::Geometry geometry() { return {kHigh, 3}; }
  static model::ToyDecoder decoder() { return {kHigh, 3}; }
};

/// `TheTlb` wraps or replaces the model's TLB, to play a faulty one.
template <typename Space, Sharing kSharing, typename TheTlb = model::ModelTlb>
struct Machine {
  using Format = typename Space::Format;
  using Entry = typename Format::Entry;
  using Store = FakeTables<Entry>;
  using TheMapper = Mapper<Format, Store, TheTlb, kSharing>;
  static constexpr unsigned kAsid = Space::kHigh ? 0 : 5;
  static constexpr auto kReach =
      Space::kHigh ? model::ModelMmu::Reach::all_asids : model::ModelMmu::Reach::one_asid;

  explicit Machine(usize capacity = 64)
      : tables(capacity),
        decoder(Space::decoder()),
        mmu(tables, decoder),
        root(tables.new_root()),
        mapper(root, Space::geometry(), tables, tlb()) {
    mmu.add_space(root.address().value(), kAsid);
  }

  /// Nothing is wrong so far, and the operation that just ended left nothing undone.
  void expect_clean() {
    mmu.end_operation();
    EXPECT_TRUE(mmu.reports().empty()) << mmu.text();
    mmu.clear_reports();
  }
  /// An access to `va` finds `pa` with these rights and nothing else, whatever the TLB held.
  void expect_maps(u64 va, u64 pa, const Attributes& attributes) {
    const model::Outcomes outcomes = mmu.outcomes(kAsid, va);
    ASSERT_TRUE(outcomes.is_just(pa)) << "at " << std::hex << va;
    EXPECT_TRUE(model::grants(outcomes.hits[0].leaf, attributes)) << "at " << std::hex << va;
  }
  /// An access to `va` faults, whatever the TLB held.
  void expect_faults(u64 va) {
    EXPECT_TRUE(mmu.outcomes(kAsid, va).is_fault()) << "at " << std::hex << va;
  }
  /// The level and the contiguous bit of the leaf that maps `va`, read by the model.
  model::Leaf leaf_at(u64 va) {
    const model::Outcomes outcomes = mmu.outcomes(kAsid, va);
    return outcomes.hits.size() == 1 ? outcomes.hits[0].leaf : model::Leaf{};
  }

  TheTlb tlb() { return TheTlb(model::ModelTlb(mmu, kReach, kAsid)); }

  Store tables;
  decltype(Space::decoder()) decoder;
  model::ModelMmu mmu;
  Frame root;
  TheMapper mapper;
};

}  // namespace meridian
