// SPDX-License-Identifier: MIT
/// A machine's RAM for tests of mm/frames and what stands on it: an arena plays the linear map,
/// another one the frame table's region, where a page cannot be touched until growth has had it
/// backed. Both are reserved, not committed, so that a machine may have terabytes.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <initializer_list>
#include <memory>
#include <set>

#include "mm/frames/frame_allocator.h"
#include "mm/kernel/linear_map.h"

namespace meridian {

/// Address space that costs nothing until it is touched.
class ReservedSpace {
 public:
  ReservedSpace(u64 size, u64 alignment, int rights)
      : mapped_size_(size + alignment),
        mapped_(mmap(nullptr, mapped_size_, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                     0)),
        size_(size) {
    if (mapped_ == MAP_FAILED) std::abort();
    start_ = VirtAddr::of(mapped_).align_up(alignment);
  }
  ~ReservedSpace() { munmap(mapped_, mapped_size_); }
  ReservedSpace(const ReservedSpace&) = delete;
  ReservedSpace& operator=(const ReservedSpace&) = delete;

  VirtRange range() const { return {start_, size_}; }

 private:
  u64 mapped_size_;
  void* mapped_;
  VirtAddr start_;
  u64 size_;
};

/// Plays the kernel's address space for the frame table.
class FakeBacking : public TableBacking {
 public:
  Result<void> back(VirtRange table, Frame memory, SpareFrames& spare) override {
    EXPECT_TRUE(table.is_aligned(kPageSize)) << "whole pages";
    EXPECT_NE(memory, Frame()) << "frame 0 is not to be used";
    if (failures_left != 0) {
      --failures_left;
      return Error{Errc::out_of_frames, 0};
    }
    for (unsigned i = 0; i < tables_per_call; ++i) {
      const Frame frame = TRY(spare.take());
      EXPECT_TRUE(linear_map.to_virt(frame.address()))
          << "tables are reached through the linear map";
      table_frames.insert(frame.number());
    }
    for (VirtAddr page = table.start(); page < table.end(); page = page + kPageSize)
      EXPECT_TRUE(pages.insert(page.value()).second) << "backed twice";
    for (u64 i = 0; i < table.size() / kPageSize; ++i)
      EXPECT_TRUE(memory_frames.insert(memory.number() + i).second) << "used twice";
    void* const start = reinterpret_cast<void*>(table.start().value());
    EXPECT_EQ(mprotect(start, table.size(), PROT_READ | PROT_WRITE), 0);
    std::memset(start, 0xee, table.size());  // nobody may rely on what memory held
    return {};
  }

  /// Frames that are no longer free because the table grew.
  u64 frames() const { return memory_frames.size() + table_frames.size(); }

  unsigned tables_per_call = 0;
  unsigned failures_left = 0;
  std::set<u64> pages, memory_frames, table_frames;
};

/// RAM, its map, and a frame allocator that has started on it. Only one at a time: it is
/// linear_map.
class FakeRam {
 public:
  struct Options {
    u64 linear_size = ~u64{0};  // cap of the linear map; the rest is HIGHMEM
    u64 early_frames = 0;       // taken before the allocator starts
    u64 table_size = 0;         // of the frame table's region; 0 is as much as is needed
  };

  explicit FakeRam(std::initializer_list<PhysRange> banks,
                   std::initializer_list<PhysRange> reservations = {})
      : FakeRam(banks, reservations, Options{}) {}
  FakeRam(std::initializer_list<PhysRange> banks, std::initializer_list<PhysRange> reservations,
          Options options)
      : base_(banks.begin()->start().align_down(1_GiB)),
        reach_(std::min(options.linear_size, std::prev(banks.end())->end() - base_)),
        arena_(reach_, 4_MiB, PROT_READ | PROT_WRITE),
        table_(table_size(banks, options), kPageSize, PROT_NONE) {
    linear_map = LinearMap(arena_.range().start(), base_, reach_);
    for (const PhysRange& bank : banks) EXPECT_TRUE(map.add_bank(bank));
    for (const PhysRange& range : reservations) EXPECT_TRUE(map.reserve(range, "reserved"));
    early = EarlyFrames(map, linear_map.phys());
    for (u64 i = 0; i < options.early_frames; ++i) early_taken.push_back(early.alloc().value());
  }
  ~FakeRam() { linear_map = LinearMap(); }

  Result<void> start(FrameAllocator& allocator) {
    return allocator.start(map, early, table_.range(), &backing);
  }

  /// The same for the machine's own.
  Result<void> start_machine() { return frames_start(map, early, table_.range(), &backing); }

  MemoryMap map;
  EarlyFrames early;
  FakeBacking backing;
  std::vector<Frame> early_taken;

 private:
  u64 table_size(std::initializer_list<PhysRange> banks, const Options& options) const {
    if (options.table_size != 0) return options.table_size;
    const u64 frames = (std::prev(banks.end())->end() - base_) >> kPageShift;
    return align_up(frames, kMaxBlockFrames) * sizeof(FrameInfo);
  }

  PhysAddr base_;
  u64 reach_;
  ReservedSpace arena_, table_;
};

/// The kernel's one frame allocator, made anew on some RAM for the length of a test.
class FakeMachine : public FakeRam {
 public:
  template <typename... Args>
  explicit FakeMachine(Args&&... args) : FakeRam(std::forward<Args>(args)...) {
    renew();
    EXPECT_TRUE(start_machine());
  }
  ~FakeMachine() { renew(); }

 private:
  static void renew() {
    std::destroy_at(&frame_allocator);
    std::construct_at(&frame_allocator);
    arch::fake_cpu = 0;
  }
};

}  // namespace meridian
