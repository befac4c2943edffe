// SPDX-License-Identifier: MIT
/// Section E of the tour: what happens when there is more RAM than the linear map can hold.
#include <arch/cpu.h>
#include <arch/machine.h>
#include <arch/translate.h>

#include <algorithm>

#include "kernel/init/system.h"
#include "kernel/tour/held_blocks.h"
#include "kernel/tour/pages.h"
#include "mm/frames/frames.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kmap.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/linear_map_build.h"
#include "mm/layout/all.h"

namespace meridian {
namespace {

template <typename T>
bool refused(const Result<T>& result, Errc code) {
  return !result.has_value() && result.error().code == code;
}

/// True if the MMU lets the kernel write to `frame` at `pointer`.
bool leads_to(const volatile void* pointer, Frame frame) {
  const Result<PhysAddr> found =
      arch::at_translate(VirtAddr::of(pointer), arch::Access::write, arch::El::el1);
  return found.has_value() && found.value() == frame.address();
}

/// From the lowest to the highest byte of RAM.
PhysRange ram_span() {
  const std::span<const PhysRange> banks = the_system().memory.banks();
  return PhysRange::between(banks.front().start(), banks.back().end());
}

bool has_highmem(Evidence& e) {
  if (zone_stats(ZoneKind::highmem).present != 0) return true;
  e.does_not_apply("no HIGHMEM: the linear map reaches all RAM (boot with linear=256M)");
  return false;
}

/// A block from HIGHMEM itself, for as long as the stop runs.
class [[nodiscard]] HighBlock {
 public:
  HighBlock(Evidence& e, unsigned order) : order_(order) {
    const Result<Frame> block = alloc_frames(order, FrameOwner::kernel, ZoneKind::highmem);
    if (block.has_value() && zone_of(block.value()) == ZoneKind::highmem)
      first_ = block.value();
    else if (block.has_value())
      free_frames(block.value(), order);
    if (first_ == Frame()) e.does_not_apply("HIGHMEM has no such block left");
  }
  ~HighBlock() {
    if (first_ != Frame()) free_frames(first_, order_);
  }
  HighBlock(const HighBlock&) = delete;
  HighBlock& operator=(const HighBlock&) = delete;

  explicit operator bool() const { return first_ != Frame(); }
  Frame first() const { return first_; }

 private:
  unsigned order_;
  Frame first_;
};

/// `layout` fitted to a linear map of so many bytes; good until the next call. (It is too large for
/// a stack.)
const Layout& fit_to(const Layout& layout, u64 linear) {
  static constinit Layout result;
  result = layout;
  fit(result, linear);
  return result;
}

/// The i386 layout on machines of several sizes.
void show_ram_sizes(Evidence& e, const Layout& layout) {
  const Region& whole = layout.region(RegionKind::linear);
  bool capped = true, follows = true;
  for (const u64 ram : {32_MiB, 512_MiB, 1_GiB, 2_GiB, 4_GiB}) {
    const LinearMap map = plan_linear_map(layout, {PhysAddr(0), ram});
    const u64 linear = map.virt().size();
    const u64 vmalloc_start = fit_to(layout, linear).region(RegionKind::vmalloc).first;
    e.show("{:>4} of RAM: linear map {:>4} to {}, HIGHMEM {:>5}, vmalloc from {:X}", Bytes{ram},
           Bytes{linear}, map.virt().last(), Bytes{ram - linear}, vmalloc_start);
    capped &= linear == std::min(ram, whole.size());
    follows &= vmalloc_start == whole.first + linear + kVmallocOffset;
  }
  e.require(capped, "the linear map has all RAM, or as much as its region holds");
  e.require(follows, "vmalloc starts 8 MiB above the end of the linear map");
}

/// The current layout as it is before it is fitted to this machine.
const Layout& current_rules() { return layout_of(*layout_named(current_layout().name)); }

/// This machine, under the layout that it runs.
void show_this_machine(Evidence& e) {
  const Layout& current = current_layout();
  const VirtRange linear = linear_map.virt();
  const Layout& expected = fit_to(current_rules(), linear.size());
  const Region& vmalloc = current.region(RegionKind::vmalloc);
  e.show("this machine, layout {}: linear map {} to {}, vmalloc from {:X}", current.name,
         linear.start(), linear.last(), vmalloc.first);
  e.require(std::ranges::equal(current.regions, expected.regions,
                               [](const Region& a, const Region& b) {
                                 return a.kind == b.kind && a.first == b.first && a.last == b.last;
                               }),
            "this machine's regions are those that the same rules give it");
}

void capped_linear_map(Evidence& e) {
  const Layout& layout = kI386Layout;
  const Region& linear = layout.region(RegionKind::linear);
  const u64 rest = 0 - (linear.first + linear.size());  // up to the top of the address space
  e.show("layout {}: linear map of at most {} from {:X} on, {} above it", layout.name,
         Bytes{linear.size()}, linear.first, Bytes{rest});
  for (const Region& region : layout.regions)
    if (region.first > linear.last && region.kind != RegionKind::guard)
      e.show("{:X} to {:X} {}", region.first, region.last, region.name);
  e.require(rest == 128_MiB, "128 MiB stay for vmalloc, pkmap and fixmap");
  show_ram_sizes(e, layout);
  show_this_machine(e);
}

constexpr usize kWords = kPageSize / sizeof(u64);

u64 stamp_of(Frame frame, u64 salt) { return frame.number() * 0x9e37'79b9'7f4a'7c15 ^ salt; }

void fill(volatile u64* page, u64 value) {
  for (usize i = 0; i < kWords; ++i) page[i] = value + i;
}
usize count_right(const volatile u64* page, u64 value) {
  usize right = 0;
  for (usize i = 0; i < kWords; ++i) right += page[i] == value + i;
  return right;
}

void borrowed_address(Evidence& e) {
  if (!has_highmem(e)) return;
  const HighBlock block(e, 0);
  if (!block) return;
  const Frame frame = block.first();
  e.show("PFN {:x} is {} of RAM, zone {}", frame.number(), frame.address(),
         name_of(zone_of(frame)));
  if (!e.require(refused(linear_map.to_virt(frame.address()), Errc::not_linear),
                 "__va of it is refused: it has no linear address"))
    return;
  const Result<Kmap> window = Kmap::of(frame);
  if (!e.require_value(window, "kmap lends one")) return;
  const auto page = window.value().pointer<volatile u64>();
  const Region& region = current_layout().region_of(VirtAddr::of(page));
  e.show("kmap: {}, in region {}", VirtAddr::of(page), region.name);
  e.require(region.kind == RegionKind::pkmap, "the address lies in the window");

  const u64 value = stamp_of(frame, arch::counter());
  fill(page, value);
  const KmapLocal other(frame);
  const usize right = count_right(other.pointer<volatile u64>(), value);
  e.show("written there, read back at {}: {} of {} words", VirtAddr::of(other.pointer()), right,
         kWords);
  e.require(leads_to(page, frame), "the MMU finds the frame there");
  e.require(right == kWords, "what was written through one address is read through another");
}

/// Takes slots for the frames of a block until there are no more; gives all back.
class [[nodiscard]] ManySlots {
 public:
  explicit ManySlots(Frame first) : first_(first) {
    while (count_ < kMaxBlockFrames && kmap(first + count_).has_value()) ++count_;
  }
  ~ManySlots() {
    for (u64 i = given_back_; i < count_; ++i) kunmap(first_ + i);
  }
  ManySlots(const ManySlots&) = delete;
  ManySlots& operator=(const ManySlots&) = delete;

  u64 count() const { return count_; }
  /// The first frame's.
  void give_one_back() { kunmap(first_ + given_back_++); }

 private:
  Frame first_;
  u64 count_ = 0, given_back_ = 0;
};

/// With every slot in use: a frame that has one already, and one that has none.
void share_and_run_out(Evidence& e, ManySlots& slots, Frame mapped, Frame extra) {
  const Result<Kmap> first = Kmap::of(mapped), second = Kmap::of(mapped);
  if (!e.require_value(first, "a frame that is mapped can be mapped again")) return;
  if (!e.require_value(second, "and again")) return;
  e.show("PFN {:x} is mapped three times, at {}", mapped.number(),
         VirtAddr::of(first.value().pointer()));
  e.require(first.value().pointer() == second.value().pointer() &&
                kmap_stats().used == kmap_stats().slots,
            "they share one slot");
  e.require(refused(Kmap::of(extra), Errc::out_of_slots), "one frame more is refused: no slot");
  slots.give_one_back();
  e.require(refused(Kmap::of(extra), Errc::out_of_slots),
            "still so after one kunmap of three: the slot is in use");
}

void window_runs_out(Evidence& e) {
  if (!has_highmem(e)) return;
  const HighBlock block(e, kMaxOrder), one_more(e, 0);
  if (!block || !one_more) return;
  const Frame extra = one_more.first();
  const KmapStats before = kmap_stats();
  {
    ManySlots slots(block.first());
    e.show("{} of {} slots were in use; {} more are now", before.used, before.slots, slots.count());
    e.require(before.used + slots.count() == before.slots, "every slot can be had");
    share_and_run_out(e, slots, block.first(), extra);
    e.show("kunmap of PFN {:x}, kmap of PFN {:x}", block.first().number(), extra.number());
    const Result<Kmap> now = Kmap::of(extra);
    if (e.require_value(now, "after a kunmap there is a slot again")) {
      e.show("it is at {}", VirtAddr::of(now.value().pointer()));
      e.require(leads_to(now.value().pointer(), extra), "and it leads to the new frame");
    }
  }
  const KmapStats after = kmap_stats();
  e.show("given back: {} in use, {} still mapped until the next flush ({} so far)", after.used,
         after.lazy, after.flushes);
  e.require(after.used == before.used, "as many slots are in use as before");
}

void unprotected(Evidence& e) {
  const Result<Frame> a = alloc_frame(FrameOwner::kernel, ZoneKind::highmem);
  const Result<Frame> b = alloc_frame(FrameOwner::kernel, ZoneKind::highmem);
  if (!e.require_value(a, "a frame") || !e.require_value(b, "another")) return;
  const Result<void*> first = kmap_temporary(a.value());
  if (!e.require_value(first, "the temporary mapping")) return;
  auto* const pointer = static_cast<volatile u64*>(first.value());
  const u64 word_a = stamp_of(a.value(), 0), word_b = stamp_of(b.value(), 0);
  *pointer = word_a;
  e.show("CPU {}: PFN {:x} is at {}; {:X} is written there", arch::cpu_index(), a.value().number(),
         VirtAddr::of(pointer), word_a);
  *KmapLocal(b.value()).pointer<volatile u64>() = word_b;
  const Result<void*> second = kmap_temporary(b.value());
  if (!e.require_value(second, "the next temporary mapping")) return;
  e.show("then PFN {:x} is, at {}", b.value().number(), VirtAddr::of(second.value()));
  e.require(second.value() == pointer, "the next use takes the same address");
  const u64 seen = *pointer;
  e.show("the old pointer reads {:X}", seen);
  e.require(seen == word_b && leads_to(pointer, b.value()), "the old pointer shows the new frame");
  e.require(*KmapLocal(a.value()).pointer<volatile u64>() == word_a,
            "the old frame keeps what was written");
  const Region& fixmap = current_layout().region(RegionKind::fixmap);
  e.require(fixmap.contains(VirtAddr::of(pointer)), "the address is one of the fixmap's");
  free_frame(a.value());
  free_frame(b.value());
}

/// Where a frame is stamped: behind what HeldBlocks writes.
constexpr usize kStampWord = HeldBlocks::kNoteSize / sizeof(u64);

/// Calls visit(Frame, u64& word) for each frame of `blocks`, through the window; false if it ran
/// out of slots.
template <typename Visit>
bool visit_each(const HeldBlocks& blocks, Visit&& visit) {
  bool complete = true;
  blocks.for_each([&](FrameRange block) {
    for (Frame frame = block.first; frame < block.end(); frame = frame + 1) {
      const Result<Kmap> window = Kmap::of(frame);
      complete &= window.has_value();
      if (window.has_value()) visit(frame, window.value().template pointer<u64>()[kStampWord]);
    }
  });
  return complete;
}

void all_through_the_window(Evidence& e) {
  if (!has_highmem(e)) return;
  const u64 flushes = kmap_stats().flushes, start = arch::counter();
  HeldBlocks blocks;
  blocks.take_zone(ZoneKind::highmem);
  const ZoneStats zone = zone_stats(ZoneKind::highmem);

  u64 stamped = 0, right = 0;
  Frame last;
  const bool all_stamped = visit_each(blocks, [&](Frame frame, u64& word) {
    word = stamp_of(frame, start);
    ++stamped;
    last = frame;
  });
  e.show("{} frames stamped ({}), the last was PFN {:x}; {} are in use and left alone", stamped,
         Bytes{stamped << kPageShift}, last.number(), zone.managed - stamped);
  const bool all_read =
      visit_each(blocks, [&](Frame frame, u64& word) { right += word == stamp_of(frame, start); });
  const u64 ms = (arch::counter() - start) * 1000 / arch::counter_frequency();
  e.show("{} of them hold their own stamp; {} slots, {} flushes, {} ms", right, kmap_stats().slots,
         kmap_stats().flushes - flushes, ms);
  e.require(zone.free == 0, "no free frame of HIGHMEM was left out");
  e.require(all_stamped && all_read && stamped != 0, "each could be reached through the window");
  e.require(right == stamped, "each holds what was written to it, and to no other");
}

/// RAM that `map` does not reach.
u64 highmem_with(const LinearMap& map) {
  return the_system().memory.bytes_beyond(map.phys().end());
}

void outgrown_half(Evidence& e) {
  const PhysRange ram = ram_span();
  for (const LayoutId id : kLayoutIds) {
    const LinearMap map = plan_linear_map(layout_of(id), ram);
    const Region& region = layout_of(id).region(RegionKind::linear);
    e.show("{:<8} the linear map may have {:>4}: HIGHMEM {}", layout_of(id).name,
           Bytes{region.size()}, Bytes{highmem_with(map)});
  }
  const u64 cap = align_down(ram.size() / 2, 2_MiB);
  const LinearMap capped = plan_linear_map(kArm64Layout, ram, cap);
  e.show("arm64 with linear={}: HIGHMEM {}", Bytes{cap}, Bytes{highmem_with(capped)});
  e.require(highmem_with(plan_linear_map(kArm64Layout, ram)) == 0,
            "64 bits have room for all of this machine's RAM: no HIGHMEM");
  e.require(highmem_with(capped) != 0, "with a smaller linear map it is there again");

  const u64 present = zone_stats(ZoneKind::highmem).present << kPageShift;
  const bool cut = linear_map.phys().size() < plan_linear_map(current_rules(), ram).phys().size();
  e.show("now: layout {}{}, HIGHMEM {}", current_layout().name, cut ? " with linear=" : "",
         Bytes{present});
  e.require(present == highmem_with(linear_map),
            "this machine's HIGHMEM is what its own linear map does not reach");
}

constexpr TourStop kStops[] = {
    {"E1", "On i386 the linear map ends at 896 MiB; the last 128 MiB are for everything else",
     capped_linear_map},
    {"E2", "RAM above the linear map has no address: one is borrowed", borrowed_address},
    {"E3", "kmap is a window of 1024 slots, and it can run out", window_runs_out},
    {"E4", "The temporary mapping is unprotected: the next use replaces it", unprotected},
    {"E5", "All of physical memory can be visited through the small window",
     all_through_the_window},
    {"E6", "64-bit has no HIGHMEM because everything fits; it comes back if RAM outgrows the half",
     outgrown_half},
};

}  // namespace

std::span<const TourStop> highmem_stops() { return kStops; }

}  // namespace meridian
