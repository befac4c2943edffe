// SPDX-License-Identifier: MIT
/// What vmalloc lives in, on the host: real tables in an arena, judged by the model MMU; a pool of
/// frames that counts, runs out and fragments on demand, and that sees to it that no frame comes
/// back while a TLB may still reach it; records from the heap, counted.
#pragma once

#include <arch/paging.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "fake_tables.h"
#include "mm/kernel/kernel_tables.h"
#include "mm/kernel/vmalloc_core.h"
#include "model_decoders.h"
#include "model_mmu.h"

namespace meridian {

/// 2^order frames at a time, naturally aligned; the block freed last is given out first.
class FramePool {
 public:
  static constexpr u64 kFirst = 0x8'0000;  // a frame number

  explicit FramePool(u64 frames) : orders_(frames, kFree), free_(frames) {}

  Result<Frame> alloc(unsigned order) {
    const Error none{Errc::out_of_frames, order};
    ++attempts_;
    if (order > largest_order || (fail_from_ != 0 && attempts_ >= fail_from_)) return none;
    const u64 count = u64{1} << order;
    for (u64 tried = 0, at = align_down(last_freed_, count); tried < orders_.size();
         tried += count, at = at + count < orders_.size() ? at + count : 0)
      if (at + count <= orders_.size() && is_free(at, count)) return take(at, order);
    return none;
  }

  void free(Frame frame, unsigned order) {
    const u64 at = frame.number() - kFirst;
    ASSERT_LT(at, orders_.size());
    ASSERT_EQ(orders_[at], static_cast<int>(order)) << "freed with another order, or twice";
    for (u64 i = 0; i < u64{1} << order; ++i) {
      if (before_free) before_free(frame + i);
      orders_[at + i] = kFree;
    }
    free_ += u64{1} << order;
    last_freed_ = at;
  }

  bool is_out(Frame frame) const {
    const u64 at = frame.number() - kFirst;
    return at < orders_.size() && orders_[at] != kFree;
  }
  /// Of an allocated block, by its first frame.
  unsigned order_of(Frame frame) const {
    const int order = orders_.at(frame.number() - kFirst);
    EXPECT_GE(order, 0) << "not the first frame of a block";
    return static_cast<unsigned>(order);
  }
  u64 in_use() const { return orders_.size() - free_; }

  /// From now on the k-th allocation and all after it fail (1 is the next one); 0: none does.
  void fail_from(u64 k) { fail_from_ = k == 0 ? 0 : attempts_ + k; }
  u64 attempts() const { return attempts_; }

  unsigned largest_order = 10;  // as if memory were fragmented
  std::function<void(Frame)> before_free;

 private:
  static constexpr int kFree = -1, kTail = -2;

  bool is_free(u64 at, u64 count) const {
    for (u64 i = 0; i < count; ++i)
      if (orders_[at + i] != kFree) return false;
    return true;
  }
  Frame take(u64 at, unsigned order) {
    for (u64 i = 0; i < u64{1} << order; ++i) orders_[at + i] = kTail;
    orders_[at] = static_cast<int>(order);
    free_ -= u64{1} << order;
    return Frame::from_number(kFirst + at);
  }

  std::vector<int> orders_;
  u64 free_, last_freed_ = 0;
  u64 attempts_ = 0, fail_from_ = 0;
};

/// A store that is copied with the tables that use it.
class TablesOf {
 public:
  explicit TablesOf(FakeTables<arch::Entry>& memory) : memory_(&memory) {}
  Result<Frame> allocate_table() { return memory_->allocate_table(); }
  void free_table(Frame table) { memory_->free_table(table); }
  arch::Entry* entries(Frame table) { return memory_->entries(table); }

 private:
  FakeTables<arch::Entry>* memory_;
};

/// Everything around one VmallocCore.
class VmallocWorld {
 public:
  using Tables = KernelTables<arch::Format, TablesOf, model::ModelTlb>;

  explicit VmallocWorld(u64 frames = 8192, usize tables = 1000)
      : pool(frames),
        memory(tables),
        decoder(/*high_half=*/true, 48),
        mmu(memory, decoder),
        root(memory.new_root()),
        tables_(root, arch::kernel_geometry(), TablesOf(memory),
                model::ModelTlb(mmu, model::ModelMmu::Reach::all_asids)) {
    mmu.add_space(root.address().value(), 0);
    pool.before_free = [this](Frame frame) { check_unreachable(frame); };
  }
  ~VmallocWorld() {
    EXPECT_EQ(mmu.text(), "");
    for (void* record : records) std::free(record);
  }

  /// What VmallocCore takes.
  struct Backing {
    using Tables = VmallocWorld::Tables;
    static constexpr unsigned kRunOrder = 4, kBlockOrder = 9;

    VmallocWorld* world;

    VmallocWorld::Tables& tables() { return world->tables_; }
    Result<Frame> alloc_frames(unsigned order) { return world->pool.alloc(order); }
    void free_frames(Frame frame, unsigned order) { world->pool.free(frame, order); }
    unsigned order_of(Frame frame) { return world->pool.order_of(frame); }
    Result<void*> alloc_record(usize bytes) {
      const u64 nth = ++world->record_attempts;
      if (world->fail_record_from != 0 && nth >= world->fail_record_from)
        return Error{Errc::out_of_frames, 0};
      void* record = std::malloc(bytes);
      std::memset(record, 0xa5, bytes);
      world->records.insert(record);
      return record;
    }
    void free_record(void* record) {
      EXPECT_EQ(world->records.erase(record), 1u);
      std::free(record);
    }
    void zero(Frame first, u64 count) {
      for (u64 i = 0; i < count; ++i) world->zeroed.insert((first + i).number());
    }
  };
  using Core = VmallocCore<Backing>;

  /// Checks, by the model MMU, that each page of `range` can be used as kernel data, and remembers
  /// which frame it leads to. Returns these frames.
  std::vector<Frame> check_mapped(VirtRange range, const Attributes& wanted = kKernelData) {
    std::vector<Frame> frames;
    for (u64 offset = 0; offset < range.size(); offset += kPageSize) {
      const u64 va = range.start().value() + offset;
      const model::Outcomes found = mmu.outcomes(0, va);
      EXPECT_FALSE(found.may_fault) << std::hex << va;
      EXPECT_EQ(found.hits.size(), 1u) << std::hex << va;
      if (found.hits.size() != 1) return frames;
      EXPECT_TRUE(model::grants(found.hits[0].leaf, wanted)) << std::hex << va;
      frames.push_back(Frame(PhysAddr(found.hits[0].pa)));
      reached_from[frames.back().number()].insert(va);
    }
    return frames;
  }
  /// Checks that a walk of `va` faults; a TLB may still know it.
  void check_no_walk(VirtAddr va) {
    EXPECT_TRUE(mmu.outcomes(0, va.value()).may_fault) << va.value();
  }
  /// Checks that neither a walk nor any TLB translates `va`.
  void check_unmapped(VirtAddr va) {
    EXPECT_TRUE(mmu.outcomes(0, va.value()).is_fault()) << std::hex << va.value();
  }

  FramePool pool;
  FakeTables<arch::Entry> memory;
  model::VmsaDecoder decoder;
  model::ModelMmu mmu;
  Frame root;
  std::set<void*> records;
  u64 record_attempts = 0, fail_record_from = 0;
  std::set<u64> zeroed;                       // frame numbers
  std::map<u64, std::set<u64>> reached_from;  // frame number to addresses

 private:
  /// A frame is about to become free: no translation of it may be left anywhere.
  void check_unreachable(Frame frame) {
    const auto known = reached_from.find(frame.number());
    if (known == reached_from.end()) return;
    for (const u64 va : known->second)
      for (const auto& hit : mmu.outcomes(0, va).hits)
        EXPECT_NE(hit.pa, frame.address().value()) << "a TLB still reaches a freed frame";
    reached_from.erase(known);
  }

  Tables tables_;
};

}  // namespace meridian
