// SPDX-License-Identifier: MIT
/// Section D of the tour: the allocators, what each promises and what it refuses.
#include <arch/machine.h>
#include <arch/probe.h>

#include <algorithm>
#include <cstring>

#include "kernel/init/system.h"
#include "kernel/tour/fragment.h"
#include "kernel/tour/pages.h"
#include "kernel/tour/watch.h"
#include "mm/frames/frames.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// True if `result` is refused with exactly this error.
template <typename T>
bool refused(const Result<T>& result, Errc code) {
  return !result.has_value() && result.error().code == code;
}

/// True if a block of `order` is refused with exactly this error; if not, it goes back.
bool refuses_block(unsigned order, Errc code) {
  const Result<Frame> block = alloc_frames(order, FrameOwner::kernel);
  if (block.has_value()) free_frames(block.value(), order);
  return refused(block, code);
}

/// Writes a number of its own into each frame of a block, then reads them all back: 2^order frames
/// that were really there, and were really different.
bool each_frame_is_its_own(Frame first, u64 count) {
  for (u64 i = 0; i < count; ++i) *linear_map.pointer<volatile u64>(first + i) = first.number() ^ i;
  for (u64 i = 0; i < count; ++i)
    if (*linear_map.pointer<volatile u64>(first + i) != (first.number() ^ i)) return false;
  return true;
}

void orders(Evidence& e) {
  const u64 free_before = free_frame_count();
  bool aligned = true, distinct = true;
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const Result<Frame> block = alloc_frames(order, FrameOwner::kernel);
    if (!e.require_value(block, "a block of this order exists")) return;
    const u64 count = u64{1} << order;
    const Frame first = block.value();
    e.show("order {:>2}: {:>5} at PFN {:x} = {}", order, Bytes{count << kPageShift}, first.number(),
           first.address());
    aligned &= is_aligned(first.number(), count);
    distinct &= each_frame_is_its_own(first, count);
    free_frames(first, order);
  }
  e.require(aligned, "each block is aligned to its own size");
  e.require(distinct, "each of its frames holds what was written to it, through the linear map");
  e.require(refuses_block(kMaxOrder + 1, Errc::too_large),
            "order 11 is refused: 4 MiB is the largest contiguous block");
  e.require(free_frame_count() == free_before, "as many frames are free as before");
}

constexpr u8 kOldPattern = 0xa5;

/// Frees an object full of a pattern, and looks at what the next object of that size holds.
void show_that_it_is_not_zeroed(Evidence& e) {
  constexpr usize kSize = 1024;
  const Result<void*> first = kmalloc(kSize);
  if (!e.require_value(first, "kmalloc(1024)")) return;
  std::memset(first.value(), kOldPattern, kSize);
  kfree(first.value());

  const Result<void*> second = kmalloc(kSize);
  if (!e.require_value(second, "kmalloc(1024) again")) return;
  const auto* bytes = static_cast<const u8*>(second.value());
  usize old = 0;
  for (usize i = 0; i < kSize; ++i) old += bytes[i] == kOldPattern;
  e.show("filled with {:X} and freed at {}, got {}: {} of {} bytes are {:X}", kOldPattern,
         VirtAddr::of(first.value()), VirtAddr::of(second.value()), old, kSize, kOldPattern);
  e.require(second.value() == first.value(), "the object that was freed last comes back first");
  e.require(old >= kSize - 2 * sizeof(void*), "it holds what it held: kmalloc does not zero");
  kfree(second.value());
}

void kmalloc_limits(Evidence& e) {
  const Result<void*> largest = kmalloc(kMaxKmalloc);
  if (!e.require_value(largest, "kmalloc(128 KiB)")) return;
  const VirtAddr va = VirtAddr::of(largest.value());
  const ListedFrames frames = frames_behind(largest.value(), kMaxKmalloc / kPageSize);
  e.show("kmalloc({}) = {}", Bytes{kMaxKmalloc}, va);
  show_frames(e, "behind it", {frames.begin(), frames.size()});
  e.require(linear_map.virt().contains(va), "it is a linear-map address");
  e.require(
      frames.size() == kMaxKmalloc / kPageSize && are_contiguous({frames.begin(), frames.size()}),
      "its 32 pages are 32 frames in a row");
  kfree(largest.value());
  e.require(refused(kmalloc(kMaxKmalloc + 1), Errc::too_large), "one byte more is refused");
  show_that_it_is_not_zeroed(e);
}

void vmalloc_area(Evidence& e) {
  constexpr usize kPages = 20;
  vmalloc_flush();  // what earlier frees still hold back must not blur the counters
  const u64 free_before = free_frame_count();
  const Result<void*> area = vmalloc(kPages * kPageSize);
  if (!e.require_value(area, "vmalloc(80 KiB)")) return;
  const VirtAddr va = VirtAddr::of(area.value());
  const Region& region = current_layout().region(RegionKind::vmalloc);
  const ListedFrames frames = frames_behind(area.value(), kPages);
  e.show("vmalloc({}) = {}, in {}", Bytes{kPages * kPageSize}, va, region.name);
  show_frames(e, "behind it", {frames.begin(), frames.size()});
  e.require(region.contains(va), "it lies in the vmalloc region");
  e.require(refused(linear_map.to_phys(va), Errc::not_linear),
            "__pa of it is refused: it needs a walk");

  std::memset(area.value(), 0x11, kPages * kPageSize);
  const arch::ProbeResult last = arch::probe(va + (kPages * kPageSize - 1), arch::ProbeKind::load8);
  e.require(last.ok && last.value == 0x11, "its last byte can be used");
  const arch::ProbeResult guard = arch::probe(va + kPages * kPageSize, arch::ProbeKind::store);
  e.show("the byte after it: {}", guard.fault);
  e.require(!guard.ok && guard.fault.kind() == arch::FaultKind::translation,
            "the byte after it is in the guard page, and faults");

  vfree(area.value());
  vmalloc_flush();
  e.require(!arch::probe(va, arch::ProbeKind::load8).ok, "after vfree its first byte faults");
  e.require(free_frame_count() == free_before, "as many frames are free as before");
}

void fragmented(Evidence& e) {
  constexpr usize kSize = 4_MiB;
  if (frame_stats().present > kMaxFragmentedFrames)
    return e.does_not_apply("more RAM than is broken up in reasonable time: boot with mem=16G");
  Fragmentation broken = Fragmentation::make();
  const ZoneStats normal = zone_stats(ZoneKind::normal);
  BufferWriter<128> blocks;
  for (u64 count : normal.blocks) print(blocks, " {}", count);
  e.show("free blocks of order 0..10 in zone {}:{}", name_of(normal.kind), blocks.text());
  e.show("{} frames free ({}), no two of them neighbours", normal.free,
         Bytes{normal.free << kPageShift});

  e.require(refuses_block(kMaxOrder, Errc::out_of_frames),
            "alloc_pages(10), 4 MiB in a row, fails");
  e.require(refuses_block(1, Errc::out_of_frames), "even two frames in a row are not to be had");
  const Result<void*> area = vmalloc(kSize);
  if (e.require(area.has_value(), "yet vmalloc(4 MiB) succeeds")) {
    const ListedFrames frames = frames_behind(area.value(), 12);
    e.show("it is at {}", VirtAddr::of(area.value()));
    show_frames(e, "its first pages", {frames.begin(), frames.size()});
    e.require(!are_contiguous({frames.begin(), frames.size()}), "from frames that are scattered");
    vfree(area.value());
    vmalloc_flush();
  }
  broken.undo();
  const Result<Frame> block = alloc_frames(kMaxOrder, FrameOwner::kernel);
  if (e.require(block.has_value(), "with the frames given back, alloc_pages(10) works again"))
    free_frames(block.value(), kMaxOrder);
}

constexpr int kPairs = 8;  // few, so that a round is short and mostly undisturbed
constexpr int kRounds = 400;

/// Counter ticks that a round of calls of `once` took, if that is fewer than `fewest`.
template <typename Once>
void keep_fewest(u64& fewest, Once once) {
  const u64 start = arch::counter();
  for (int i = 0; i < kPairs; ++i) once();
  fewest = std::min(fewest, arch::counter() - start);
}

/// What a pair of calls costs, in ticks for kPairs of them.
struct Prices {
  u64 kmalloc = ~u64{0}, vmalloc = ~u64{0};
  bool complete = true;  // no call failed
};

/// The rounds alternate, and only the fastest one counts of each: whatever disturbs this machine
/// from outside makes some rounds slower, and none faster.
Prices prices_of(usize size) {
  Prices prices;
  for (int round = 0; round < kRounds; ++round) {
    keep_fewest(prices.kmalloc, [&] {
      const Result<void*> object = kmalloc(size);
      prices.complete &= object.has_value();
      if (object.has_value()) kfree(object.value());
    });
    keep_fewest(prices.vmalloc, [&] {
      const Result<void*> area = vmalloc(size);
      prices.complete &= area.has_value();
      if (area.has_value()) vfree(area.value());
    });
  }
  return prices;
}

Prices show_prices(Evidence& e, usize size) {
  const Prices prices = prices_of(size);
  const u64 ns_per_tick = 1'000'000'000 / arch::counter_frequency();
  e.show("{:>4} and back: kmalloc {:>5} ns, vmalloc {:>5} ns", Bytes{size},
         prices.kmalloc * ns_per_tick / kPairs, prices.vmalloc * ns_per_tick / kPairs);
  e.require(prices.complete, "every call succeeded");
  return prices;
}

/// Pages of a malloc'd buffer that have a frame, at the program's next mark.
std::optional<u64> show_resident(Evidence& e, Watch& watch, std::string_view when) {
  const std::optional<Stop> stop = require_mark(e, watch, when);
  if (!stop) return {};
  e.show("its buffer: {} to {}", stop->pages.start(), stop->pages.last());
  const u64 pages = stop->space->count_pages(stop->pages).resident;
  e.show("{:<16} {} of its {} pages have a frame, {} resident in all", when, pages,
         stop->pages.size() >> kPageShift, stop->space->stats().resident());
  watch.go_on(*stop);
  return pages;
}

void malloc_promises_nothing(Evidence& e) {
  constexpr u64 kPages = 4_MiB >> kPageShift;  // what /bin/grow asks for
  Watch watch;
  if (!e.require(watch.start("/bin/grow").has_value(), "/bin/grow runs")) return;
  const std::optional<u64> before = show_resident(e, watch, "malloc(4 MiB)");
  if (!before) return;
  const std::optional<u64> after = show_resident(e, watch, "after its touch");
  if (!after) return;
  e.require(*before <= 1, "malloc gave addresses, and no frames but that of its own header");
  e.require(*after >= kPages, "the touch of each page gave it its frame");
  require_good_end(e, watch);
}

void kmalloc_is_faster(Evidence& e) {
  e.show("the fastest of {} rounds of {}; with ICOUNT=1 a ns is an instruction", kRounds, kPairs);
  show_prices(e, kPageSize);
  const Prices largest = show_prices(e, kMaxKmalloc);
  e.require(largest.kmalloc < largest.vmalloc, "kmalloc costs less: it maps nothing");
  malloc_promises_nothing(e);
}

void highmem(Evidence& e) {
  const u64 present = zone_stats(ZoneKind::highmem).present << kPageShift;
  const u64 beyond = the_system().memory.bytes_beyond(linear_map.phys().end());
  e.show("the linear map reaches physical {} to {}; {} of RAM lies beyond it",
         linear_map.phys().start(), linear_map.phys().last(), Bytes{beyond});
  e.require(present == beyond, "HIGHMEM is exactly the RAM that the linear map does not reach");
  if (present == 0) return;
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel, ZoneKind::highmem);
  if (!e.require_value(frame, "a frame for whoever can use HIGHMEM")) return;
  const bool has_address = linear_map.to_virt(frame.value().address()).has_value();
  e.show("a frame from {}: PFN {:x}", name_of(zone_of(frame.value())), frame.value().number());
  e.require(zone_of(frame.value()) == ZoneKind::highmem && !has_address,
            "its frames come from there, and have no linear address");
  free_frame(frame.value());
}

void zones(Evidence& e) {
  for (ZoneKind kind : {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem}) {
    const ZoneStats zone = zone_stats(kind);
    if (zone.present == 0)
      e.show("{:<8} empty", name_of(kind));
    else
      e.show("{:<8} PFN {:x}..{:x}: {} present, {} managed, {} free", name_of(kind),
             zone.span.first.number(), zone.span.end().number(), zone.present, zone.managed,
             zone.free);
  }
  const ZoneStats dma = zone_stats(ZoneKind::dma);
  e.require(dma.span.count <= (16_MiB >> kPageShift),
            "DMA is no more than the first 16 MiB of RAM");
  for (ZoneKind kind : {ZoneKind::dma, ZoneKind::normal}) {
    if (zone_stats(kind).managed == 0) continue;
    const Result<Frame> frame = alloc_frame(FrameOwner::kernel, kind);
    if (!e.require_value(frame, "a frame from this zone")) return;
    e.show("a frame from {}: PFN {:x}", name_of(kind), frame.value().number());
    e.require(zone_of(frame.value()) <= kind, "it lies in that zone or a lower one");
    e.require(linear_map.to_virt(frame.value().address()).has_value(), "it has a linear address");
    free_frame(frame.value());
  }
  highmem(e);
}

constexpr TourStop kStops[] = {
    {"D1", "alloc_pages(order) gives 2^order contiguous frames, and there is a largest order",
     orders},
    {"D2", "kmalloc is physically contiguous, linear, not zeroed, and ends at 128 KiB",
     kmalloc_limits},
    {"D3", "vmalloc is contiguous in virtual addresses only, with a guard page after each area",
     vmalloc_area},
    {"D4", "When memory is fragmented, contiguous frames run out and vmalloc still works",
     fragmented},
    {"D5", "kmalloc is faster than vmalloc; malloc is user memory, and promises no frames",
     kmalloc_is_faster},
    {"D6", "Zones: DMA is the first 16 MiB, NORMAL the rest of the linear map, HIGHMEM beyond it",
     zones},
};

}  // namespace

std::span<const TourStop> allocator_stops() { return kStops; }

}  // namespace meridian
