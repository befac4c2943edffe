// SPDX-License-Identifier: MIT
/// Section E of the tour: break what each stop shows, see it fail, mend it, and see it pass.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>

#include "mm/frames/frames.h"
#include "mm/frames/poison.h"
#include "mm/kernel/kmap.h"
#include "mm/layout/layout.h"
#include "tests/kernel/arch/sabotage.h"
#include "tests/kernel/stop_run.h"

namespace meridian {
namespace {

using arch::Entry;
using sabotage::BrokenPage;

constexpr char kNone[] = "no HIGHMEM: run with linear=256M";
bool has_highmem() { return zone_stats(ZoneKind::highmem).present != 0; }

/// For what happens in the middle of a stop, which has no state of its own.
constinit Frame kept;
constinit BrokenPage* damage = nullptr;
alignas(BrokenPage) constinit std::array<std::byte, sizeof(BrokenPage)> room_for_damage{};

/// The page at the address that stands after `words` leads to `frame`.
void redirect(std::string_view so_far, std::string_view words, Frame frame) {
  const VirtAddr page(ktest::number_after(so_far, words));
  damage =
      new (room_for_damage.data()) BrokenPage(page, Entry::leaf(Level::L3, frame, kKernelData));
}
void mend() { std::destroy_at(damage); }

/// The linear map says of itself that it ends so many bytes later (or earlier).
class [[nodiscard]] StretchedLinearMap {
 public:
  explicit StretchedLinearMap(u64 more) : saved_(linear_map) {
    linear_map =
        LinearMap(saved_.virt().start(), saved_.phys().start(), saved_.virt().size() + more);
  }
  ~StretchedLinearMap() { linear_map = saved_; }
  StretchedLinearMap(const StretchedLinearMap&) = delete;
  StretchedLinearMap& operator=(const StretchedLinearMap&) = delete;

 private:
  LinearMap saved_;
};

}  // namespace

KERNEL_TEST(tour, E1FailsIfVmallocIsNotWhereTheRuleSays) {
  static constinit Layout saved, moved;  // too large for a stack
  saved = moved = current_layout();
  std::ranges::find(moved.regions, RegionKind::vmalloc, &Region::kind)->first += kPageSize;
  choose_layout(moved);
  EXPECT_STOP_FAILS("E1", "this machine's regions are those that the same rules give it");
  choose_layout(saved);
  EXPECT_STOP_PASSES("E1");
}

/// Where a machine has no HIGHMEM, the stops that need some say so, and do not fail.
KERNEL_TEST(tour, StopsAboutHighmemAreSkippedWhereThereIsNone) {
  if (has_highmem()) SKIP_TEST("there is HIGHMEM");
  for (const char* id : {"E2", "E3", "E5"}) {
    const ktest::StopRun run(id);
    EXPECT_TRUE(run.verdict() == Verdict::skip);
    EXPECT_TRUE(run.says("[--] no HIGHMEM"));
  }
}

KERNEL_TEST(tour, E2FailsIfTheFrameHasALinearAddress) {
  if (!has_highmem()) SKIP_TEST(kNone);
  {
    const PlainMemory plain;  // or the freed frame would be filled there
    const StretchedLinearMap map(zone_stats(ZoneKind::highmem).span.count * kPageSize);
    EXPECT_STOP_FAILS("E2", "__va of it is refused: it has no linear address");
  }
  EXPECT_STOP_PASSES("E2");
}

KERNEL_TEST(tour, E2FailsIfTheWindowLeadsElsewhere) {
  if (!has_highmem()) SKIP_TEST(kNone);
  kept = alloc_frame(FrameOwner::kernel).value();
  constexpr ktest::Meanwhile kRedirect{.text = ", in region", .act = [](std::string_view so_far) {
                                         redirect(so_far, "kmap: ", kept);
                                       }};
  EXPECT_STOP_FAILS("E2", "what was written through one address is read through another",
                    kRedirect);
  mend();
  EXPECT_STOP_FAILS("E2", "the MMU finds the frame there", kRedirect);
  mend();
  free_frame(kept);
  EXPECT_STOP_PASSES("E2");
}

/// Somebody else is faster.
KERNEL_TEST(tour, E3FailsIfTheFreedSlotIsTaken) {
  if (!has_highmem()) SKIP_TEST(kNone);
  kept = alloc_frame(FrameOwner::kernel, ZoneKind::highmem).value();
  EXPECT_STOP_FAILS(
      "E3", "after a kunmap there is a slot again",
      {.text = "kunmap of PFN", .act = [](std::string_view) { EXPECT_OK(kmap(kept)); }});
  kunmap(kept);
  free_frame(kept);
  EXPECT_STOP_PASSES("E3");
}

KERNEL_TEST(tour, E4FailsIfTheOldMappingStays) {
  EXPECT_STOP_FAILS("E4", "the old pointer shows the new frame",
                    {.text = "then PFN", .act = [](std::string_view so_far) {
                       const u64 first = ktest::number_after(so_far, "CPU 0: PFN ");
                       redirect(so_far, " is at ", Frame::from_number(first));
                     }});
  mend();
  EXPECT_STOP_PASSES("E4");
}

KERNEL_TEST(tour, E5FailsIfOneFrameIsNotItsOwn) {
  if (!has_highmem()) SKIP_TEST(kNone);
  EXPECT_STOP_FAILS("E5", "each holds what was written to it, and to no other",
                    {.text = "are in use and left alone", .act = [](std::string_view so_far) {
                       const u64 last = ktest::number_after(so_far, "the last was PFN ");
                       KmapLocal(Frame::from_number(last)).pointer<u64>()[2] ^= 1;
                     }});
  EXPECT_STOP_PASSES("E5");
}

KERNEL_TEST(tour, E6FailsIfTheLinearMapReachesLessThanTheZonesSay) {
  {
    const StretchedLinearMap map(0 - u64{2_MiB});
    EXPECT_STOP_FAILS("E6", "this machine's HIGHMEM is what its own linear map does not reach");
  }
  EXPECT_STOP_PASSES("E6");
}

}  // namespace meridian
