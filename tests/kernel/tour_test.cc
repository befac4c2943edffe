// SPDX-License-Identifier: MIT
/// A stop of the tour that could not fail would prove nothing. So for each: break the very thing it
/// shows, see it fail and say so, mend it, and see it pass.
#include <arch/irq.h>
#include <arch/registers.h>
#include <arch/tlb.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "kernel/console/console.h"
#include "kernel/init/system.h"
#include "kernel/proc/process_table.h"
#include "mm/frames/poison.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/slab/kmalloc.h"
#include "tests/kernel/arch/sabotage.h"
#include "tests/kernel/stop_run.h"

namespace meridian {
namespace {

using arch::Entry;
using ktest::StopRun;
using sabotage::BrokenPage;
using sabotage::ChangedTcr;
using sabotage::MovedPage;
using sabotage::RedirectedPage;
using sabotage::SpareFrame;
using sabotage::StrangeKernelTables;

/// The frame behind a linear address, and the other way round.
Frame frame_at(VirtAddr va) { return Frame::containing(linear_map.to_phys(va).value()); }
VirtAddr linear_address(Frame frame) { return VirtAddr::of(linear_map.pointer(frame)); }

/// TCR_EL1 with one bit less for the low half.
u64 tcr_with_smaller_low_half() {
  const u64 raw = arch::tcr().raw();
  return arch::Tcr::T0SZ::replace(raw, arch::Tcr::T0SZ::decode(raw) + 1);
}

/// The last page of RAM that the linear map reaches.
VirtAddr last_linear_page() {
  const PhysAddr end = the_system().memory.banks().back().end(), reach = linear_map.phys().end();
  return linear_map.to_virt((end < reach ? end : reach) - kPageSize).value();
}

/// The linear map says of itself that it has this size.
class [[nodiscard]] ResizedLinearMap {
 public:
  explicit ResizedLinearMap(u64 size) : saved_(linear_map) {
    linear_map = LinearMap(saved_.virt().start(), saved_.phys().start(), size);
  }
  ~ResizedLinearMap() { linear_map = saved_; }
  ResizedLinearMap(const ResizedLinearMap&) = delete;
  ResizedLinearMap& operator=(const ResizedLinearMap&) = delete;

 private:
  LinearMap saved_;
};

/// A console that does something else before it sends: whatever write(2) prints, the something
/// happens inside that call.
class [[nodiscard]] MeddlingConsole final : public ConsoleDevice {
 public:
  explicit MeddlingConsole(void (*meddle)()) : meddle_(meddle), device_(console().attach(*this)) {}
  ~MeddlingConsole() { console().attach(*device_); }
  MeddlingConsole(const MeddlingConsole&) = delete;
  MeddlingConsole& operator=(const MeddlingConsole&) = delete;

  void send(char c) override {
    meddle_();
    device_->send(c);
  }
  bool receive(char& c) override { return device_->receive(c); }
  Result<void> enable_receive_interrupt(u32 intid) override {
    return device_->enable_receive_interrupt(intid);
  }
  void hold_input() override { device_->hold_input(); }
  void release_input() override { device_->release_input(); }

 private:
  void (*meddle_)();
  ConsoleDevice* device_;
};

/// All of a zone's frames, and of the lower ones'; they hold their own list.
class [[nodiscard]] HeldZone {
 public:
  explicit HeldZone(ZoneKind zone) {
    for (unsigned order = kMaxOrder + 1; order-- != 0;) hold_all(order, zone);
  }
  ~HeldZone() {
    while (held_ != 0) {
      const Frame block = Frame::from_number(held_);
      const Held held = *linear_map.pointer<Held>(block);
      held_ = held.next;
      free_frames(block, held.order);
    }
  }
  HeldZone(const HeldZone&) = delete;
  HeldZone& operator=(const HeldZone&) = delete;

 private:
  struct Held {
    u64 next;
    unsigned order;
  };

  void hold_all(unsigned order, ZoneKind zone) {
    for (;;) {
      const Result<Frame> block = alloc_frames(order, FrameOwner::kernel, zone);
      if (!block.has_value()) return;
      *linear_map.pointer<Held>(block.value()) = {held_, order};
      held_ = block.value().number();
    }
  }

  u64 held_ = 0;
};

/// Single frames taken from the allocator; one set at a time.
class [[nodiscard]] TakenFrames {
 public:
  static constexpr usize kCount = 4096;  // more than earlier tests left scattered

  TakenFrames() {
    drain_frame_cache();
    for (Frame& frame : frames_) frame = alloc_frame(FrameOwner::kernel).value();
    // Which comes first depends on what was freed before.
    std::sort(frames_.begin(), frames_.end(),
              [](Frame a, Frame b) { return a.number() < b.number(); });
  }
  TakenFrames(const TakenFrames&) = delete;
  TakenFrames& operator=(const TakenFrames&) = delete;

  /// Where `count` frames in a row begin; kCount if nowhere.
  usize find_run(usize count) const {
    usize start = 0;
    for (usize i = 1; i < kCount; ++i) {
      if (frames_[i] != frames_[i - 1] + 1) start = i;
      if (i + 1 - start == count) return start;
    }
    return kCount;
  }

  /// Takes frame `i` out of here; it must be freed.
  Frame release(usize i) { return std::exchange(frames_[i], Frame()); }
  Frame release_any() {
    for (usize i = 0; i < kCount; ++i)
      if (frames_[i] != Frame()) return release(i);
    UNREACHABLE();
  }
  /// Frees the others.
  void free_rest() {
    for (Frame& frame : frames_)
      if (frame != Frame()) free_frame(std::exchange(frame, Frame()));
  }

 private:
  static constinit std::array<Frame, kCount> frames_;
};
constinit std::array<Frame, TakenFrames::kCount> TakenFrames::frames_{};

constexpr usize kUserPages = 8;  // of C4's buffer

/// Puts frames in a row behind the pages of a program's buffer, which stands still.
void put_in_order(std::string_view text) {
  const UserAddr start(ktest::number_after(text, "a user buffer at "));
  const Ref<Process> process = processes().with([](ProcessTable& table) {
    Ref<Process> found;
    table.for_each([&](Process& p) {
      if (p.name() == "turns") found = Ref<Process>(p);
    });
    return found;
  });
  const Ref<UserSpace> space = process->share_space();
  TakenFrames frames;
  const usize run = frames.find_run(kUserPages);
  CHECK(run != TakenFrames::kCount);
  for (usize i = 0; i < kUserPages; ++i) {
    const auto walk = space->walk(start + i * kPageSize);
    Entry& entry = linear_map.pointer<Entry>(walk.last().table)[walk.last().index];
    drop_user_frame(std::exchange(entry, entry.with_output(frames.release(run + i))).output());
  }
  frames.free_rest();
  arch::flush_all_tlbs();
}

/// Room for damage done in the middle of a run. (A static BrokenPage would want to be destroyed at
/// exit.)
alignas(BrokenPage) constinit std::array<std::byte, sizeof(BrokenPage)> room_for_damage{};
constinit BrokenPage* damage = nullptr;

constinit Frame kept{};  // what a Meanwhile has taken, or is to give back

}  // namespace

KERNEL_TEST(tour, A1FailsIfTheLowHalfHasAnotherSizeThanTheLayout) {
  {
    const ChangedTcr tcr(tcr_with_smaller_low_half());
    EXPECT_STOP_FAILS("A1", "T0SZ is the layout's low half");
  }
  EXPECT_STOP_PASSES("A1");
}

KERNEL_TEST(tour, A1FailsIfTtbr1LeadsToOtherTables) {
  {
    const StrangeKernelTables tables(last_linear_page());
    EXPECT_STOP_FAILS("A1",
                      "a high address is walked from TTBR1's table to its page, as the MMU does");
  }
  EXPECT_STOP_PASSES("A1");
}

/// With T0SZ one larger the hole begins at half of where it should.
KERNEL_TEST(tour, A2FailsIfTheHoleIsLarger) {
  {
    const ChangedTcr tcr(tcr_with_smaller_low_half());
    EXPECT_STOP_FAILS("A2", "the last byte of user space can be read");
  }
  EXPECT_STOP_PASSES("A2");
}

KERNEL_TEST(tour, A3FailsIfTagsAreIgnoredFromTheStart) {
  {
    const arch::IrqGuard guard;
    arch::set_top_byte(arch::TopByte::ignored);
  }
  EXPECT_STOP_FAILS("A3", "with TBI off the tag makes it no address at all");
  {
    const arch::IrqGuard guard;
    arch::set_top_byte(arch::TopByte::checked);
  }
  EXPECT_STOP_PASSES("A3");
}

/// One page of the kernel's heap without UXN: EL0 jumps there, and what stops it is what lies
/// there.
KERNEL_TEST(tour, A4FailsIfEl0MayExecuteAKernelPage) {
  const StopRun before("A4");
  const VirtAddr object(before.number_after("EL0 jump at "));
  ASSERT_TRUE(before.verdict() == Verdict::pass && linear_map.virt().contains(object));
  {
    const Entry closed = BrokenPage::entry_of(object);
    const BrokenPage page(object, Entry(closed.raw() & ~Entry::UXN::kSet));
    const StopRun run("A4");
    EXPECT_EQ(run.verdict(), Verdict::fail);
    EXPECT_TRUE(run.says("[ok] EL0 load at"));
    EXPECT_TRUE(run.says("[NO] EL0 jump at"));
  }
  EXPECT_STOP_PASSES("A4");
}

/// With PAN the kernel itself could no longer use the page.
KERNEL_TEST(tour, A4FailsIfEl0MayReadAndWriteAKernelPage) {
  const arch::IdAa64Mmfr1 id(hw::read_id_aa64mmfr1_el1());
  if (id.has_pan()) SKIP_TEST("PAN keeps the kernel from pages that EL0 can use");
  const StopRun before("A4");
  const VirtAddr object(before.number_after("EL0 jump at "));
  ASSERT_TRUE(before.verdict() == Verdict::pass && linear_map.virt().contains(object));
  {
    const Entry closed = BrokenPage::entry_of(object);
    const BrokenPage page(object,
                          Entry(Entry::AP::replace(closed.raw(), arch::AccessPermission::el0_rw)));
    const StopRun run("A4");
    EXPECT_EQ(run.verdict(), Verdict::fail);
    EXPECT_TRUE(run.says("[NO] EL0 load at"));
    EXPECT_TRUE(run.says("[NO] EL0 store at"));
    EXPECT_TRUE(run.says("[NO] the kernel lives, and its byte is unchanged"));
  }
  EXPECT_STOP_PASSES("A4");
}

/// Nothing is walked for the low half meanwhile: its root is empty.
KERNEL_TEST(tour, A5FailsIfTcrAsksForAnotherGranule) {
  {
    const ChangedTcr tcr(arch::Tcr::TG0::replace(arch::tcr().raw(), arch::Tg0::k64));
    EXPECT_STOP_FAILS("A5", "TCR_EL1 asks for the granule that is marked");
  }
  EXPECT_STOP_PASSES("A5");
}

/// What a kernel with tables of its own would do at each crossing.
KERNEL_TEST(tour, B2FailsIfASystemCallInvalidatesATlb) {
  {
    const MeddlingConsole console(arch::flush_all_tlbs);
    EXPECT_STOP_FAILS("B2",
                      "back at EL0 and in again: no register changed, and no TLBI was issued");
  }
  EXPECT_STOP_PASSES("B2");
}

KERNEL_TEST(tour, B2FailsIfASystemCallChangesTtbr0) {
  {
    const MeddlingConsole console([] {
      arch::UserRoot root = arch::user_root();
      root.asid ^= 0x8000;  // a number that no space has had: there are few so far
      arch::set_user_root(root);
    });
    EXPECT_STOP_FAILS("B2",
                      "back at EL0 and in again: no register changed, and no TLBI was issued");
  }
  arch::flush_all_tlbs();
  EXPECT_STOP_PASSES("B2");
}

KERNEL_TEST(tour, C1FailsIfOneFrameIsElsewhereInTheLinearMap) {
  {
    const MovedPage page(last_linear_page());
    EXPECT_STOP_FAILS("C1", "for each: __va, the MMU (AT S1E1R) and a walk name the same frame");
  }
  EXPECT_STOP_PASSES("C1");
}

KERNEL_TEST(tour, C2FailsIfTheHardwareWalksOtherTables) {
  const StopRun before("C2");
  const VirtAddr object(before.number_after("leaf\n    "));
  ASSERT_TRUE(before.verdict() == Verdict::pass && linear_map.virt().contains(object));
  {
    const StrangeKernelTables tables(object);
    EXPECT_STOP_FAILS("C2", "the tables and the MMU agree");
  }
  EXPECT_STOP_PASSES("C2");
}

/// A linear map that takes all addresses up to the end of vmalloc's region for its own.
KERNEL_TEST(tour, C3FailsIfVmallocAddressesPassForLinearOnes) {
  const Region& vmalloc_region = current_layout().region(RegionKind::vmalloc);
  {
    const ResizedLinearMap map(vmalloc_region.last + 1 - linear_map.virt().start().value());
    EXPECT_STOP_FAILS("C3", "__pa of a vmalloc address is refused");
  }
  EXPECT_STOP_PASSES("C3");
}

KERNEL_TEST(tour, C4FailsIfTheUsersFramesAreNeighbours) {
  EXPECT_STOP_FAILS("C4", "neighbours in the user buffer are frames that are not neighbours",
                    {", 8 pages", put_in_order});
  EXPECT_STOP_PASSES("C4");
}

KERNEL_TEST(tour, C4FailsIfKmallocsFramesAreNot) {
  const StopRun before("C4");
  const u64 first = before.number_after("kmalloc    : 8 frames, PFN ");
  ASSERT_TRUE(before.verdict() == Verdict::pass && first != 0);
  {
    const MovedPage page(linear_address(Frame::from_number(first) + 3));
    EXPECT_STOP_FAILS("C4", "kmalloc's 8 pages are 8 frames in a row");
  }
  EXPECT_STOP_PASSES("C4");
}

/// Only the linear alias leads elsewhere; the image is where it was.
KERNEL_TEST(tour, C5FailsIfTheTwoAliasesAreTwoFrames) {
  const StopRun before("C5");
  const VirtAddr alias(before.number_after(" = linear "));
  if (current_layout().image_place == ImagePlace::in_linear_map) SKIP_TEST("the image has no alias");
  ASSERT_TRUE(before.verdict() == Verdict::pass && linear_map.virt().contains(alias));
  {
    const SpareFrame spare(frame_at(alias));
    const BrokenPage page(alias, BrokenPage::entry_of(alias).with_output(spare.frame()));
    EXPECT_STOP_FAILS("C5", "both addresses reach the same memory");
  }
  EXPECT_STOP_PASSES("C5");
}

KERNEL_TEST(tour, C6FailsIfTheFreeFrameIsNotMapped) {
  // Moving a page takes frames, the more the larger its block is. They are put there before, so
  // that the stop gets the same frame again.
  std::array<Frame, 1 + std::size(kLevels)> spares;
  for (Frame& spare : spares) spare = alloc_frame(FrameOwner::kernel).value();
  const StopRun before("C6");
  const Frame frame = Frame::from_number(before.number_after("while it is mapped   PFN "));
  ASSERT_TRUE(before.verdict() == Verdict::pass && frame != Frame());
  const std::span all(spares);
  const usize needed = 1 + BrokenPage::tables_for(linear_address(frame));
  for (const Frame spare : all.first(needed)) free_frame(spare);
  {
    const MovedPage page(linear_address(frame));
    EXPECT_STOP_FAILS("C6", "yet the linear map has it: the MMU would let the kernel write there");
  }
  for (const Frame spare : all.subspan(needed)) free_frame(spare);
  EXPECT_STOP_PASSES("C6");
}

/// Somebody else is faster.
KERNEL_TEST(tour, C6FailsIfTheFrameIsTakenMeanwhile) {
  EXPECT_STOP_FAILS("C6", "the program got that very frame",
                    {.text = "[ok] yet the linear map", .act = [](std::string_view) {
                       kept = alloc_frame(FrameOwner::kernel).value();
                     }});
  free_frame(kept);
  EXPECT_STOP_PASSES("C6");
}

/// Two pages of the largest block are one frame.
KERNEL_TEST(tour, D1FailsIfABlockHasAFrameTwice) {
  const StopRun before("D1");
  const Frame block = Frame::from_number(before.number_after("order 10:    4M at PFN "));
  ASSERT_TRUE(before.verdict() == Verdict::pass && block != Frame());
  {
    const RedirectedPage page(linear_address(block + 1), block);
    EXPECT_STOP_FAILS("D1",
                      "each of its frames holds what was written to it, through the linear map");
  }
  EXPECT_STOP_PASSES("D1");
}

KERNEL_TEST(tour, D1FailsIfAFrameIsLost) {
  EXPECT_STOP_FAILS("D1", "as many frames are free as before",
                    {.text = "order  5:", .act = [](std::string_view) {
                       kept = alloc_frame(FrameOwner::kernel).value();
                     }});
  free_frame(kept);
  EXPECT_STOP_PASSES("D1");
}

KERNEL_TEST(tour, D2FailsIfKmallocsFramesAreScattered) {
  const StopRun before("D2");
  const VirtAddr object(before.number_after("kmalloc(128K) = "));
  ASSERT_TRUE(linear_map.virt().contains(object));
  {
    const MovedPage page(object + 5 * kPageSize);
    EXPECT_STOP_FAILS("D2", "its 32 pages are 32 frames in a row");
  }
  const StopRun after("D2");  // the rest of it holds in other images only
  EXPECT_TRUE(after.says("[ok] its 32 pages are 32 frames in a row"));
}

/// This image's own kmalloc is the broken one: to find bugs it fills what it gives out and gets
/// back.
KERNEL_TEST(tour, D2FailsIfKmallocFillsItsObjects) {
  EXPECT_STOP_FAILS("D2", "it holds what it held: kmalloc does not zero");

  Result<void*> object = Error{Errc::out_of_frames};
  {
    const PlainMemory plain;
    EXPECT_STOP_PASSES("D2");
    object = kmalloc(1024);  // the one that the stop has written to
  }
  ASSERT_OK(object);
  kfree(object.value());
}

KERNEL_TEST(tour, D3FailsIfTheGuardPageIsMapped) {
  kept = alloc_frame(FrameOwner::kernel).value();
  EXPECT_STOP_FAILS("D3", "the byte after it is in the guard page, and faults",
                    {.text = "behind it", .act = [](std::string_view so_far) {
                       const VirtAddr area(ktest::number_after(so_far, "vmalloc(80K) = "));
                       const Entry wrong = Entry::leaf(Level::L3, kept, kKernelData);
                       damage =
                           new (room_for_damage.data()) BrokenPage(area + 20 * kPageSize, wrong);
                     }});
  std::destroy_at(damage);
  free_frame(kept);
  EXPECT_STOP_PASSES("D3");
}

KERNEL_TEST(tour, D3FailsIfAFrameIsLost) {
  EXPECT_STOP_FAILS("D3", "as many frames are free as before",
                    {.text = "behind it", .act = [](std::string_view) {
                       kept = alloc_frame(FrameOwner::kernel).value();
                     }});
  free_frame(kept);
  EXPECT_STOP_PASSES("D3");
}

/// Somebody has kept a large block, and gives it back when all others are in pieces.
KERNEL_TEST(tour, D4FailsIfALargeBlockIsLeft) {
  kept = alloc_frames(kMaxOrder, FrameOwner::kernel).value();
  EXPECT_STOP_FAILS("D4", "alloc_pages(10), 4 MiB in a row, fails",
                    {.text = "no two of them neighbours",
                     .act = [](std::string_view) { free_frames(kept, kMaxOrder); }});
  EXPECT_STOP_PASSES("D4");
}

/// This image's kmalloc fills and reads each byte of an object: then it is the dearer one. (That the
/// stop passes where it does not, the tour of the production image shows.)
KERNEL_TEST(tour, D5FailsIfKmallocCostsMore) {
  EXPECT_STOP_FAILS("D5", "kmalloc costs less: it maps nothing");
}

KERNEL_TEST(tour, D6FailsIfAZoneHasNothingToGive) {
  {
    const HeldZone held(ZoneKind::dma);
    const StopRun run("D6");
    EXPECT_EQ(run.verdict(), Verdict::fail);
    EXPECT_TRUE(run.says("[NO] a frame from this zone\n    error: out of frames"));
  }
  EXPECT_STOP_PASSES("D6");
}

KERNEL_TEST(tour, D6FailsIfTheLinearMapReachesLessThanTheZonesSay) {
  {
    const ResizedLinearMap map(1_MiB);
    EXPECT_STOP_FAILS("D6", "HIGHMEM is exactly the RAM that the linear map does not reach");
  }
  EXPECT_STOP_PASSES("D6");
}

KERNEL_TEST(tour, KnowsItsStopsByEitherCaseAndNoOthers) {
  ASSERT_TRUE(find_stop("A2") != nullptr);
  EXPECT_TRUE(find_stop("a2") == find_stop("A2"));
  EXPECT_TRUE(find_stop("A") == nullptr);
  EXPECT_TRUE(find_stop("") == nullptr);
  EXPECT_TRUE(find_stop("A22") == nullptr);
  EXPECT_TRUE(find_stop("zz") == nullptr);
}

/// A stop that requires nothing has shown nothing.
KERNEL_TEST(tour, AStopThatRequiresNothingFails) {
  BufferWriter<256> out;
  const TourStop silent{"Z1", "Nothing is shown", [](Evidence& e) { e.show("a line"); }};
  EXPECT_EQ(run_stop(out, silent), Verdict::fail);
  EXPECT_EQ(out.text(), "\nZ1  Nothing is shown\n    a line\nZ1 FAIL\n");
}

KERNEL_TEST(tour, AStopThatDoesNotApplyIsSkippedUnlessSomethingFailed) {
  BufferWriter<256> out;
  const TourStop skipped{"Z2", "Elsewhere", [](Evidence& e) { e.does_not_apply("not here"); }};
  EXPECT_EQ(run_stop(out, skipped), Verdict::skip);
  EXPECT_EQ(out.text(), "\nZ2  Elsewhere\n  [--] not here\nZ2 SKIP\n");

  const TourStop failed{"Z3", "Both", [](Evidence& e) {
                          e.require(false, "a thing");
                          e.does_not_apply("not here");
                        }};
  EXPECT_EQ(run_stop(out, failed), Verdict::fail);
}

}  // namespace meridian
