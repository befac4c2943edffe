// SPDX-License-Identifier: MIT
/// Running out of frames: every allocation of every shape of request fails in turn, and leaves no
/// trace.
#include <gtest/gtest.h>

#include <functional>

#include "machine.h"
#include "tally.h"

namespace meridian {
namespace {

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

/// Two pages, one either side of a 512 GiB boundary, need six tables below the root, so the request
/// can run out of frames in six places. Whichever it is, it leaves no trace.
TEST(Failure, RunningOutOfFramesAnywhereLeavesNoTrace) {
  constexpr usize kEnough = 7;  // the root, then L1, L2 and L3 on each side
  const u64 start = ArmKernel::kBase + 512_GiB - 4_KiB;
  for (usize budget = 1; budget <= kEnough; ++budget) {
    Machine<ArmKernel, Sharing::exclusive> machine(budget);

    const Result<void> mapped = machine.mapper.map(range(start, 8_KiB), frame(0), kKernelData);

    EXPECT_EQ(mapped.has_value(), budget == kEnough);
    if (budget == kEnough) break;
    EXPECT_EQ(mapped.error().code, Errc::out_of_frames);
    EXPECT_EQ(machine.tables.in_use(), 1u) << "only the root may stay";
    machine.expect_clean();
    machine.expect_faults(start);
    machine.expect_faults(start + 4_KiB);
    count_injections("the mapper");
  }
}

/// A toy machine whose tables are compared word by word around each failure.
template <Sharing kSharing>
class FailingMachine : public Machine<ToyKernel, kSharing> {
 public:
  explicit FailingMachine(usize capacity) : Machine<ToyKernel, kSharing>(capacity) {}
  ~FailingMachine() { count_injections("the mapper", injected_); }

  /// Fails the first allocation of `operation`, then the second, until it has none left to fail.
  void with_every_failure(const std::function<Result<void>()>& operation) {
    const std::vector<u64> before = this->tables.contents(16);
    for (u64 k = 1;; ++k) {
      const u64 failures = this->tables.failures();
      this->tables.fail_allocation(k);
      const Result<void> result = operation();
      this->tables.fail_allocation(0);
      if (this->tables.failures() == failures) {
        ASSERT_TRUE(result.has_value());
        return;
      }
      ++injected_;
      ASSERT_FALSE(result.has_value());
      ASSERT_EQ(result.error().code, Errc::out_of_frames);
      ASSERT_EQ(this->tables.contents(16), before);
    }
  }

 private:
  u64 injected_ = 0;
};

/// Requests of each size and alignment around a 1 MiB boundary, into a space that is empty, or that
/// has some of the tables already.
template <Sharing kSharing>
void map_fails_everywhere() {
  const u64 boundary = ToyKernel::kBase + 1_MiB;
  for (u64 before = 0; before <= 160_KiB; before += 4_KiB)
    for (u64 size = 4_KiB; size <= 900_KiB; size += 16_KiB) {
      FailingMachine<kSharing> machine(30);
      const VirtRange wanted = range(boundary - before, size);
      machine.with_every_failure(
          [&] { return machine.mapper.map(wanted, frame(4_KiB), kKernelData); });
      machine.mapper.unmap(wanted).flush();
      if (testing::Test::HasFatalFailure()) return;
      machine.expect_clean();
      // The frames aligned as the addresses are, with tables for neighbours.
      ASSERT_TRUE(machine.mapper.map(range(boundary - 256_KiB, 4_KiB), frame(0), kKernelData));
      const Frame like = frame(boundary - before - ToyKernel::kBase);
      machine.with_every_failure([&] { return machine.mapper.map(wanted, like, kKernelData); });
      machine.expect_clean();
      if (testing::Test::HasFailure()) return;
    }
}
TEST(Failure, MapFailsEverywhereAndLeavesNoTrace) {
  map_fails_everywhere<Sharing::exclusive>();
  map_fails_everywhere<Sharing::shared>();
}

template <Sharing kSharing>
void map_pages_fails_everywhere() {
  std::vector<Frame> frames;
  for (u64 i = 0; i < 600; ++i) frames.push_back(frame((i ^ 5) * 4_KiB));
  for (u64 start = ToyKernel::kBase + 900_KiB; start < ToyKernel::kBase + 1100_KiB; start += 4_KiB)
    for (usize count = 1; count <= frames.size(); count += 1 + count / 2) {
      FailingMachine<kSharing> machine(60);
      const std::span<const Frame> some(frames.data(), count);
      machine.with_every_failure(
          [&] { return machine.mapper.map_pages(VirtAddr(start), some, kKernelData); });
      machine.expect_clean();
      if (testing::Test::HasFailure()) return;
    }
}
TEST(Failure, MapPagesFailsEverywhereAndLeavesNoTrace) {
  map_pages_fails_everywhere<Sharing::exclusive>();
  map_pages_fails_everywhere<Sharing::shared>();
}

/// Protecting, unmapping and replacing parts of 1 MiB blocks: each edge costs up to two tables.
template <Sharing kSharing>
void splits_fail_everywhere() {
  const u64 base = ToyKernel::kBase;
  for (u64 start = 0; start < 1_MiB; start += 12_KiB)
    for (u64 pages = 1; pages <= 512; pages += 1 + pages / 2) {
      const VirtRange part = range(base + start, pages * 4_KiB);
      FailingMachine<kSharing> protecting(8), unmapping(8);
      for (auto* machine : {&protecting, &unmapping})
        ASSERT_TRUE(machine->mapper.map(range(base, 4_MiB), frame(0), kKernelData));
      protecting.with_every_failure([&] { return protecting.mapper.protect(part, kKernelRodata); });
      unmapping.with_every_failure([&]() -> Result<void> {
        TRY(unmapping.mapper.split_and_unmap(part)).flush();
        return {};
      });
      protecting.expect_clean();
      unmapping.expect_clean();
      protecting.expect_maps(part.start().value(), start, kKernelRodata);
      unmapping.expect_faults(part.last().value());
      if (testing::Test::HasFailure()) return;
    }
  for (u64 page = 0; page < 1_MiB; page += 4_KiB) {
    FailingMachine<kSharing> replacing(8), splitting(8);
    for (auto* machine : {&replacing, &splitting})
      ASSERT_TRUE(machine->mapper.map(range(base, 1_MiB), frame(0), kKernelData));
    replacing.with_every_failure([&] {
      return replacing.mapper.replace_page(VirtAddr(base + page), frame(4_GiB), kKernelData);
    });
    splitting.with_every_failure(
        [&] { return splitting.mapper.split_block(VirtAddr(base + page + 7), Level::L3); });
    replacing.expect_clean();
    splitting.expect_clean();
    if (testing::Test::HasFailure()) return;
  }
}
TEST(Failure, SplitsFailEverywhereAndLeaveNoTrace) {
  splits_fail_everywhere<Sharing::exclusive>();
  splits_fail_everywhere<Sharing::shared>();
}

}  // namespace
}  // namespace meridian
