// SPDX-License-Identifier: MIT
/// Dumps: runs in order, joined as far as they agree, cut to what was asked for.
#include <gtest/gtest.h>

#include "machine.h"

namespace meridian {
namespace {

using Arm = Machine<ArmKernel, Sharing::exclusive>;
constexpr u64 kHalf = ArmKernel::kBase;

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

std::vector<DumpRun> runs_of(Arm& machine, VirtRange part, Coalesce rule = Coalesce::rights) {
  std::vector<DumpRun> runs;
  machine.mapper.dump(part, rule, [&](const DumpRun& run) { runs.push_back(run); });
  return runs;
}

struct Line {
  u64 offset, size;
  Level level;
  Kind kind;
};
void expect_lines(const std::vector<DumpRun>& runs, std::initializer_list<Line> lines) {
  ASSERT_EQ(runs.size(), lines.size());
  usize i = 0;
  for (const Line& line : lines) {
    EXPECT_EQ(runs[i].range, range(kHalf + line.offset, line.size)) << "line " << i;
    EXPECT_EQ(runs[i].level, line.level) << "line " << i;
    EXPECT_EQ(runs[i].kind, line.kind) << "line " << i;
    ++i;
  }
}

TEST(Dump, AnEmptySpaceIsOneRun) {
  Arm machine;
  std::vector<DumpRun> runs;
  machine.mapper.dump([&](const DumpRun& run) { runs.push_back(run); });
  expect_lines(runs, {{0, u64{1} << 48, Level::L0, Kind::invalid}});
}

/// As Linux's page-table dump shows it: empty entries by their level, leaves by level and rights.
TEST(Dump, RunsAgreeInLevelAndRights) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 8_KiB), frame(0), kKernelText));
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 8_KiB, 8_KiB), frame(0x9'0000), kKernelData));
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 4_MiB, 4_MiB), frame(0), kKernelData));
  expect_lines(runs_of(machine, machine.mapper.half()),
               {{0, 8_KiB, Level::L3, Kind::leaf},
                {8_KiB, 8_KiB, Level::L3, Kind::leaf},
                {16_KiB, 2_MiB - 16_KiB, Level::L3, Kind::invalid},
                {2_MiB, 2_MiB, Level::L2, Kind::invalid},
                {4_MiB, 4_MiB, Level::L2, Kind::leaf},
                {8_MiB, 1_GiB - 8_MiB, Level::L2, Kind::invalid},
                {1_GiB, 511_GiB, Level::L1, Kind::invalid},
                {512_GiB, (u64{1} << 48) - 512_GiB, Level::L0, Kind::invalid}});
  const DumpRun text = runs_of(machine, machine.mapper.half())[0];
  EXPECT_EQ(text.attributes, kKernelText);
  EXPECT_EQ(text.bits, 0x0040'0000'0000'0783u);
}

/// The same rights in two tables are one run; the contiguous bit is part of the rights.
TEST(Dump, RunsCrossTables) {
  Arm machine;
  const MapOptions pages{.largest = Level::L3, .contiguous_hint = false};
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 1_MiB, 2_MiB), frame(0), kKernelData, pages));
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 3_MiB, 64_KiB), frame(0), kKernelData));
  expect_lines(runs_of(machine, range(kHalf, 4_MiB)),
               {{0, 1_MiB, Level::L3, Kind::invalid},
                {1_MiB, 2_MiB, Level::L3, Kind::leaf},
                {3_MiB, 64_KiB, Level::L3, Kind::leaf},
                {3_MiB + 64_KiB, 1_MiB - 64_KiB, Level::L3, Kind::invalid}});
}

TEST(Dump, ScatteredFramesCanBeToldApart) {
  Arm machine;
  const Frame frames[] = {frame(0x1000), frame(0x2000), frame(0x8000), frame(0x4000)};
  ASSERT_TRUE(machine.mapper.map_pages(VirtAddr(kHalf), frames, kKernelData));
  expect_lines(runs_of(machine, range(kHalf, 16_KiB)), {{0, 16_KiB, Level::L3, Kind::leaf}});
  const auto runs = runs_of(machine, range(kHalf, 16_KiB), Coalesce::rights_and_frames);
  expect_lines(runs, {{0, 8_KiB, Level::L3, Kind::leaf},
                      {8_KiB, 4_KiB, Level::L3, Kind::leaf},
                      {12_KiB, 4_KiB, Level::L3, Kind::leaf}});
  EXPECT_EQ(runs[0].first, frame(0x1000));
  EXPECT_EQ(runs[1].first, frame(0x8000));
}

/// A part that begins and ends inside blocks shows the part only, with the frames that belong to
/// it.
TEST(Dump, BlocksAreCutToThePartAskedFor) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 2_GiB), frame(4_GiB), kKernelData));
  const auto runs = runs_of(machine, range(kHalf + 12_KiB, 1_GiB));
  expect_lines(runs, {{12_KiB, 1_GiB, Level::L1, Kind::leaf}});
  EXPECT_EQ(runs[0].first, frame(4_GiB + 12_KiB));
  expect_lines(runs_of(machine, range(kHalf + 1_GiB + 4_KiB, 4_KiB)),
               {{1_GiB + 4_KiB, 4_KiB, Level::L1, Kind::leaf}});
  expect_lines(
      runs_of(machine, range(kHalf + 2_GiB - 4_KiB, 8_KiB)),
      {{2_GiB - 4_KiB, 4_KiB, Level::L1, Kind::leaf}, {2_GiB, 4_KiB, Level::L1, Kind::invalid}});
}

TEST(Dump, ThePartMustBeOfThisHalf) {
  Arm machine;
  EXPECT_THROW(runs_of(machine, range(0, 4_KiB)), std::logic_error);
  EXPECT_THROW(runs_of(machine, range(kHalf, 100)), std::logic_error);
}

}  // namespace
}  // namespace meridian
