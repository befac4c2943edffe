// SPDX-License-Identifier: MIT
/// The stops that set this kernel beside x86 (F4, G), each with what it shows broken.
#include <arch/registers.h>

#include "kernel/init/system.h"
#include "mm/kernel/kernel_space.h"
#include "mm/layout/layout.h"
#include "tests/kernel/arch/sabotage.h"
#include "tests/kernel/stop_run.h"

namespace meridian {
namespace {

using ktest::StopRun;
using sabotage::ChangedTcr;
using sabotage::MovedPage;

/// TCR_EL1 with one bit less for the low half.
u64 tcr_with_smaller_low_half() {
  const u64 raw = arch::tcr().raw();
  return arch::Tcr::T0SZ::replace(raw, arch::Tcr::T0SZ::decode(raw) + 1);
}

/// The linear map says of itself that it begins 2 MiB later than it does, in both worlds.
class [[nodiscard]] ShiftedLinearMap {
 public:
  ShiftedLinearMap() : saved_(linear_map) {
    linear_map = LinearMap(saved_.virt().start() + 2_MiB, saved_.phys().start() + 2_MiB,
                           saved_.virt().size() - 2_MiB);
  }
  ~ShiftedLinearMap() { linear_map = saved_; }
  ShiftedLinearMap(const ShiftedLinearMap&) = delete;
  ShiftedLinearMap& operator=(const ShiftedLinearMap&) = delete;

 private:
  LinearMap saved_;
};

constinit Layout real_layout, changed_layout;  // too large for a stack

/// The layout that runs says that there is nothing where the linear map is.
class [[nodiscard]] UnnamedLinearMap {
 public:
  UnnamedLinearMap() {
    real_layout = changed_layout = current_layout();
    for (Region& region : changed_layout.regions)
      if (region.kind == RegionKind::linear) region.kind = RegionKind::unused;
    choose_layout(changed_layout);
  }
  ~UnnamedLinearMap() { choose_layout(real_layout); }
  UnnamedLinearMap(const UnnamedLinearMap&) = delete;
  UnnamedLinearMap& operator=(const UnnamedLinearMap&) = delete;
};

}  // namespace

KERNEL_TEST(tour_x86, F4FailsIfTheTopOfUserSpaceIsOutOfReach) {
  {
    const ChangedTcr tcr(tcr_with_smaller_low_half());
    EXPECT_STOP_FAILS("F4", "with EL0's rights, its last byte is written and read");
  }
  EXPECT_STOP_PASSES("F4");
}

/// Once the stop has asked the MMU, programs get less than the layout has for them: by as much as one entry of their
/// first table covers.
KERNEL_TEST(tour_x86, F4FailsIfAProgramReachesLess) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  EXPECT_STOP_FAILS("F4", "it ends where a process's addresses do",
                    {"the page at ", [](std::string_view) {
                       real_layout = changed_layout = current_layout();
                       const arch::Geometry user = arch::user_geometry();
                       for (Region& region : changed_layout.regions)
                         if (region.kind == RegionKind::user)
                           region.last -= user.entry_span(user.first_level());
                       choose_layout(changed_layout);
                     }});
  choose_layout(real_layout);
  EXPECT_STOP_PASSES("F4");
}

/// The first frame of RAM is somebody else's in the linear map.
KERNEL_TEST(tour_x86, F4FailsIfTheKernelReachesAnotherFrame) {
  {
    const MovedPage page(linear_map.virt().start());
    EXPECT_STOP_FAILS(
        "F4", "the kernel reads the first, the last and any frame of RAM, where the MMU says so");
  }
  EXPECT_STOP_PASSES("F4");
}

KERNEL_TEST(tour_x86, G1FailsIfTcrMakesOtherHalves) {
  {
    const ChangedTcr tcr(tcr_with_smaller_low_half());
    EXPECT_STOP_FAILS("G1", "TCR_EL1 makes the halves that compare prints");
  }
  EXPECT_STOP_PASSES("G1");
}

KERNEL_TEST(tour_x86, G1FailsIfARegionIsNotWhatCompareSays) {
  {
    const UnnamedLinearMap layout;
    const StopRun run("G1");
    EXPECT_EQ(run.verdict(), Verdict::fail);
    EXPECT_TRUE(run.says("[NO] the regions are where compare prints them"));
    EXPECT_TRUE(run.says("[NO] and what the kernel uses lies in them"));
  }
  EXPECT_STOP_PASSES("G1");
}

KERNEL_TEST(tour_x86, G2FailsIfTheHoleBeginsEarlier) {
  {
    const ChangedTcr tcr(tcr_with_smaller_low_half());
    EXPECT_STOP_FAILS("G2", "the last user byte and the first byte of RAM do not");
  }
  EXPECT_STOP_PASSES("G2");
}

KERNEL_TEST(tour_x86, G2FailsIfTheDirectMapIsElsewhere) {
  {
    const ShiftedLinearMap map;
    EXPECT_STOP_FAILS("G2", "the direct map begins where it was promised");
  }
  EXPECT_STOP_PASSES("G2");
}

}  // namespace meridian
