// SPDX-License-Identifier: MIT
/// Several CPUs in one shared space, each in its own pages: they race for the tables above them,
/// and exactly one table is linked at each place.
#include <gtest/gtest.h>

#include <barrier>
#include <mutex>
#include <thread>

#include "arch/aarch64/vmsa/descriptor.h"
#include "fake_tables.h"
#include "mm/paging/mapper.h"

namespace meridian {
namespace {

using Entry = arch::Vmsa::Entry;

/// The arena behind a lock, and a moment's pause after each allocation, in which others link
/// theirs.
class LockedTables {
 public:
  explicit LockedTables(usize capacity) : tables_(capacity) {}
  Result<Frame> allocate_table() {
    std::this_thread::yield();
    std::lock_guard guard(mutex_);
    return tables_.allocate_table();
  }
  void free_table(Frame table) {
    std::lock_guard guard(mutex_);
    tables_.free_table(table);
  }
  Entry* entries(Frame table) {
    std::lock_guard guard(mutex_);
    return tables_.entries(table);
  }
  usize in_use() const { return tables_.in_use(); }

 private:
  std::mutex mutex_;
  FakeTables<Entry> tables_;
};

struct NoTlb {
  void publish() {}
  void invalidate(VirtAddr, u64, u64, TlbScope) {}
  void invalidate_all() {}
  void finish() {}
};

TEST(Concurrency, CpusThatRaceForATableShareOne) {
  constexpr unsigned kCpus = 4;
  constexpr u64 kRounds = 200;
  const u64 half = 0xffff'0000'0000'0000;
  for (u64 round = 0; round < kRounds; ++round) {
    LockedTables tables(40);
    const Frame root = tables.allocate_table().take();
    Mapper<arch::Vmsa, LockedTables, NoTlb, Sharing::shared> mapper(
        root, arch::Geometry(arch::Half::high, 48), tables, NoTlb());
    std::barrier start(kCpus);
    std::vector<std::thread> cpus;
    for (u64 cpu = 0; cpu < kCpus; ++cpu)
      cpus.emplace_back([&, cpu] {
        auto mine = mapper;
        start.arrive_and_wait();
        // Each fourth page, so that every table is wanted by all at once.
        for (u64 page = cpu; page < 16; page += kCpus) {
          const VirtAddr va(half + 2_MiB - 8 * kPageSize + page * kPageSize);
          const Frame frame = Frame::from_number(100 + page);
          ASSERT_TRUE(mine.map({va, kPageSize}, frame, kKernelData).has_value());
          if (page % 3 != 0) continue;
          mine.unmap({va, kPageSize}).flush();
          ASSERT_TRUE(mine.map_pages(va, {&frame, 1}, kKernelData).has_value());
        }
      });
    for (std::thread& cpu : cpus) cpu.join();

    EXPECT_EQ(tables.in_use(), 5u) << "root, L1, L2 and two L3 tables";
    for (u64 page = 0; page < 16; ++page) {
      const VirtAddr va(half + 2_MiB - 8 * kPageSize + page * kPageSize);
      ASSERT_EQ(mapper.physical(va).value_or(PhysAddr(0)), PhysAddr((100 + page) * kPageSize));
    }
  }
}

}  // namespace
}  // namespace meridian
