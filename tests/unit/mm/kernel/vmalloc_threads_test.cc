// SPDX-License-Identifier: MIT
/// vmalloc on several CPUs at once, each played by a thread: no page of addresses ever has two
/// holders, and all of it comes back. (What TLBs may hold is judged in vmalloc_core_test.cc; here
/// it is the lists, the depot, the tree and the tables that are shared.)
#include <arch/paging.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "fake_tables.h"
#include "mm/kernel/kernel_tables.h"
#include "mm/kernel/vmalloc_core.h"
#include "seed.h"

namespace meridian {
namespace {

struct NoTlb {
  void publish() {}
  void invalidate(VirtAddr, u64, u64, TlbScope) {}
  void invalidate_all() {}
  void finish() {}
};

constexpr VirtRange kRegion{VirtAddr(0xffff'8000'0800'0000), 1_GiB};
constexpr u64 kFrames = 1 << 15, kFirstFrame = 0x8'0000;

/// What the threads share, each part behind its own lock.
class SharedMachine {
 public:
  class Store {
   public:
    explicit Store(SharedMachine& machine) : machine_(&machine) {}
    Result<Frame> allocate_table() {
      std::lock_guard guard(machine_->tables_lock_);
      return machine_->memory_.allocate_table();
    }
    void free_table(Frame table) {
      std::lock_guard guard(machine_->tables_lock_);
      machine_->memory_.free_table(table);
    }
    arch::Entry* entries(Frame table) {
      std::lock_guard guard(machine_->tables_lock_);
      return machine_->memory_.entries(table);
    }

   private:
    SharedMachine* machine_;
  };
  using Tables = KernelTables<arch::Format, Store, NoTlb>;

  SharedMachine()
      : memory_(1000), tables(memory_.new_root(), arch::kernel_geometry(), Store(*this), NoTlb()) {}

  Result<Frame> alloc_frames(unsigned order) {
    std::lock_guard guard(frames_lock_);
    for (u64 at = 0; at < kFrames; at += u64{1} << order)
      if (is_free(at, order)) {
        for (u64 i = 0; i < u64{1} << order; ++i) orders_[at + i] = kTail;
        orders_[at] = static_cast<u8>(order);
        in_use += u64{1} << order;
        return Frame::from_number(kFirstFrame + at);
      }
    return Error{Errc::out_of_frames, order};
  }
  void free_frames(Frame frame, unsigned order) {
    std::lock_guard guard(frames_lock_);
    const u64 at = frame.number() - kFirstFrame;
    if (orders_.at(at) != order) ++wrong_frees;
    for (u64 i = 0; i < u64{1} << order; ++i) orders_[at + i] = kFree;
    in_use -= u64{1} << order;
  }
  unsigned order_of(Frame frame) {
    std::lock_guard guard(frames_lock_);
    return orders_.at(frame.number() - kFirstFrame);
  }

  u64 in_use = 0, wrong_frees = 0;

 private:
  static constexpr u8 kFree = 0xff, kTail = 0xfe;
  bool is_free(u64 at, unsigned order) const {
    for (u64 i = 0; i < u64{1} << order; ++i)
      if (orders_[at + i] != kFree) return false;
    return true;
  }

  std::mutex tables_lock_, frames_lock_;
  FakeTables<arch::Entry> memory_;
  std::vector<u8> orders_ = std::vector<u8>(kFrames, kFree);

 public:
  Tables tables;
};

struct Backing {
  using Tables = SharedMachine::Tables;
  static constexpr unsigned kRunOrder = 4, kBlockOrder = 9;

  SharedMachine* machine;

  Tables& tables() { return machine->tables; }
  Result<Frame> alloc_frames(unsigned order) { return machine->alloc_frames(order); }
  void free_frames(Frame frame, unsigned order) { machine->free_frames(frame, order); }
  unsigned order_of(Frame frame) { return machine->order_of(frame); }
  Result<void*> alloc_record(usize bytes) { return std::malloc(bytes); }
  void free_record(void* record) { std::free(record); }
  void zero(Frame, u64) {}
};
using Core = VmallocCore<Backing>;

/// Who holds each page of addresses: nobody or one.
class Holders {
 public:
  void take(VirtRange area) { mark(area, 0, 1); }
  void drop(VirtRange area) { mark(area, 1, 0); }
  u64 conflicts() const { return conflicts_; }

 private:
  void mark(VirtRange area, u8 from, u8 to) {
    for (u64 offset = 0; offset < area.size(); offset += kPageSize)
      change(pages_[(area.start() + offset - kRegion.start()) / kPageSize], from, to);
  }
  void change(std::atomic<u8>& holder, u8 from, u8 to) {
    if (!holder.compare_exchange_strong(from, to)) ++conflicts_;
  }

  std::vector<std::atomic<u8>> pages_ = std::vector<std::atomic<u8>>(kRegion.size() / kPageSize);
  std::atomic<u64> conflicts_{0};
};

/// Areas on their way from one thread to another, which then frees them.
class Mailbox {
 public:
  VirtRange swap(VirtRange area) {
    std::lock_guard guard(lock_);
    std::swap(area, areas_[next_++ % areas_.size()]);
    return area;
  }
  const std::array<VirtRange, 64>& areas() const { return areas_; }

 private:
  std::mutex lock_;
  std::array<VirtRange, 64> areas_;
  usize next_ = 0;
};

void play_cpu(unsigned cpu, Core& core, SharedMachine& machine, Holders& holders, Mailbox& mail) {
  arch::fake_cpu = cpu;
  std::mt19937_64 random(test_seed() + cpu);
  for (int step = 0; step < 4000; ++step) {
    const u64 pages = random() % 32 == 0 ? 100 + random() % 600 : 1 + random() % 20;
    const u64 alignment = kPageSize << random() % 4;
    const Core::Request request{.kind = AreaKind::vmalloc,
                                .pages = pages,
                                .alignment = alignment,
                                .slot_class = class_for(pages, alignment),
                                .caller = &core};
    const Result<VirtAddr> start = core.allocate(
        request, OwnFrames<Backing>(VmallocOptions::Content::stale, Backing{&machine}));
    if (start.has_value()) {
      const VirtRange area(start.value(), pages * kPageSize);
      holders.take(area);
      const VirtRange other = mail.swap(area);
      if (!other.is_empty()) {
        holders.drop(other);
        EXPECT_TRUE(core.free(other.start(), AreaKind::vmalloc).has_value());
      }
    }
    if (random() % 512 == 0) core.flush();
    if (random() % 64 == 0) core.stats();
  }
}

TEST(VmallocThreads, NoAddressHasTwoHolders) {
  auto machine = std::make_unique<SharedMachine>();
  auto core = std::make_unique<Core>(Backing{machine.get()});
  auto holders = std::make_unique<Holders>();
  Mailbox mail;
  ASSERT_TRUE(core->start(kRegion, {kRegion.start(), 1_MiB}, 256).has_value());

  std::vector<std::thread> cpus;
  for (unsigned cpu = 0; cpu < 4; ++cpu)
    cpus.emplace_back([&, cpu] { play_cpu(cpu, *core, *machine, *holders, mail); });
  for (std::thread& cpu : cpus) cpu.join();
  for (const VirtRange& area : mail.areas())
    if (!area.is_empty()) {
      EXPECT_TRUE(core->free(area.start(), AreaKind::vmalloc).has_value());
    }
  EXPECT_EQ(holders->conflicts(), 0u);
  core->close();
  EXPECT_EQ(machine->in_use, 0u);
  EXPECT_EQ(machine->wrong_frees, 0u);
}

}  // namespace
}  // namespace meridian
