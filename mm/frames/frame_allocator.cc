// SPDX-License-Identifier: MIT
#include "mm/frames/frame_allocator.h"

#include <algorithm>

#include "mm/kernel/linear_map.h"

namespace meridian {
namespace {

/// A free that would corrupt the lists: says which frame and whose it is, and stops.
[[noreturn]] void refuse_free(Frame frame, unsigned order, const FrameInfo& info) {
  BufferWriter<160> text;
  print(text, "free of frame {} order {}: it is {}, order {}, with {} references", frame.address(),
        order, name_of(info.owner()), info.order(), info.is_allocated() ? info.references() : 0);
  text.put('\0');
  check_failed(text.text().data(), __FILE__, __LINE__);
}

FrameRange between(Frame first, Frame end) {
  return first < end ? FrameRange{first, end - first} : FrameRange{first, 0};
}

Frame round_up(Frame frame) {
  return Frame::from_number(align_up(frame.number(), kMaxBlockFrames));
}
Frame round_down(Frame frame) {
  return Frame::from_number(align_down(frame.number(), kMaxBlockFrames));
}

FrameRange intersection(FrameRange a, FrameRange b) {
  return between(std::max(a.first, b.first), std::min(a.end(), b.end()));
}

/// Is there a largest block with frames on both sides?
bool cuts_block(Frame bound) { return round_down(bound) != bound; }

/// 8 MiB.
constexpr u64 kMostKept = 2048;

/// One more than the last frame number there can be.
constexpr Frame kEnd = Frame::from_number(MemoryMap::kPhysicalEnd / kPageSize);

}  // namespace

Result<void> FrameAllocator::start(const MemoryMap& map, const EarlyFrames& early, VirtRange table,
                                   TableBacking* backing) {
  const PhysRange reach = linear_map.phys();
  const Frame first(reach.start());
  // A block must be as aligned in the linear map as it is in physical memory, and the table must
  // not begin in the middle of one.
  CHECK(is_aligned(linear_map.offset(), kMaxBlockFrames * kPageSize) && round_down(first) == first);
  const Frame end = first + align_down(table.size() / sizeof(FrameInfo), kMaxBlockFrames);
  for (const PhysRange& bank : map.banks())
    if (bank.start() < reach.start() || Frame(bank.end()) > end)
      return Error{Errc::too_large, bank.start().value()};

  table_ = FrameTable(table.start(), first);
  set_zone_extents(map);
  u64 managed = 0;
  for (const Zone& zone : zones_) managed += zone.extent().managed;
  kept_ = std::min<u64>(managed / 256, kMostKept);
  growth_.with([&](Growth& growth) { growth.start(map, early, table_, backing, zones_); });
  return {};
}

void FrameAllocator::set_zone_extents(const MemoryMap& map) {
  if (map.banks().empty()) return;
  const Frame ram_start(map.banks().front().start()), ram_end(map.banks().back().end());
  const Frame reach_end = Frame::containing(linear_map.phys().end());
  const Frame highmem = reach_end >= ram_end ? kEnd : reach_end;
  CHECK(highmem == kEnd || !cuts_block(highmem) || !map.is_ram(highmem - 1) ||
        map.is_reserved(highmem - 1));
  const Frame dma_end = std::min(highmem, round_up(ram_start + kDmaZoneSize / kPageSize));
  const std::array bounds{FrameRange{Frame(), dma_end - Frame()}, between(dma_end, highmem),
                          between(highmem, kEnd)};
  for (usize i = 0; i < kZones; ++i) {
    Zone::Extent extent;
    extent.bounds = bounds[i];
    extent.span = intersection(bounds[i], between(ram_start, ram_end));
    extent.present = map.ram_frames(bounds[i]);
    map.for_each_free(
        [&](FrameRange run) { extent.managed += intersection(run, bounds[i]).count; });
    zones_[i].set_extent(extent);
  }
}

Result<Frame> FrameAllocator::alloc_slowly(unsigned order, FrameOwner owner, ZoneKind highest) {
  if (order > kMaxOrder) return Error{Errc::too_large, order};
  if (is_for_programs(owner) && common_frames() <= kept_) return Error{Errc::out_of_frames, order};
  std::optional<Block> block = take(order, highest);
  if (!block) {
    // What this CPU keeps may be what the block is missing.
    drain_cache();
    block = take(order, highest);
  }
  if (!block) return Error{Errc::out_of_frames, order};
  const bool normal = block->zone == ZoneKind::normal;
  table_[block->frame].set_head(FrameInfo::allocated(owner, order, normal));
  if constexpr (kSelfChecks) check_poison(table_, block->frame, order);
  return block->frame;
}

/// From the highest zone allowed down to DMA, which is so kept for those who can use nothing else.
std::optional<FrameAllocator::Block> FrameAllocator::take(unsigned order, ZoneKind highest) {
  for (usize i = static_cast<usize>(highest) + 1; i-- != 0;) {
    Zone& zone = zones_[i];
    if (zone.is_empty()) continue;
    const bool cached = zone.kind() == ZoneKind::normal && order < PerCpuCache::kOrders;
    const auto frame = cached ? take_through_cache(order) : take_from(zone, order);
    if (frame) return Block{*frame, zone.kind()};
  }
  return std::nullopt;
}

std::optional<Frame> FrameAllocator::take_from(Zone& zone, unsigned order) {
  for (;;) {
    const std::optional<Frame> frame = zone.take(table_, order);
    if (frame || !grow(zone)) return frame;
  }
}

/// A block of the NORMAL zone; more of them go to this CPU's cache on the way.
std::optional<Frame> FrameAllocator::take_through_cache(unsigned order) {
  arch::IrqGuard irq;
  PerCpuCache& cache = caches_[arch::cpu_index()];
  Zone& normal = zone(ZoneKind::normal);
  for (;;) {
    const Frame frame = cache.pop(table_, order, 0);
    if (frame != Frame()) return frame;
    const bool refilled =
        normal.with_buddy([&](Buddy& buddy) { return cache.refill(table_, buddy, order); });
    if (!refilled && !grow(normal)) return std::nullopt;
  }
}

/// Brings the next piece of a zone's untouched memory into use. False if there is none.
bool FrameAllocator::grow(Zone& zone) {
  return growth_.with([&](Growth& growth) {
    const FrameRange piece = growth.next_piece(zone.kind());
    zone.put_range(table_, piece);
    return piece.count != 0;
  });
}

void FrameAllocator::free_slowly(Frame frame, unsigned order) {
  FrameInfo& info = table_[frame];
  const bool whole = info.is_allocated() && info.order() == order && info.references() == 1;
  if (!whole) refuse_free(frame, order, info);
  if constexpr (kSelfChecks) poison_frames(table_, frame, order);
  info.set_head(0);
  zone(zone_of(frame)).put(table_, frame, order);
}

Result<void> FrameAllocator::try_free(Frame frame, unsigned order, FrameOwner owner) {
  const FrameState found = state(frame);
  const bool whole = found.owner == owner && found.first == frame && found.order == order;
  if (!whole || found.references != 1) return Error{Errc::not_allocated, frame.address().value()};
  free(frame, order);
  return {};
}

void FrameAllocator::spill_cache(unsigned order) {
  arch::IrqGuard irq;
  PerCpuCache& cache = caches_[arch::cpu_index()];
  zone(ZoneKind::normal).with_buddy([&](Buddy& buddy) { cache.spill(table_, buddy, order); });
}

void FrameAllocator::drain_cache() {
  arch::IrqGuard irq;
  PerCpuCache& cache = caches_[arch::cpu_index()];
  zone(ZoneKind::normal).with_buddy([&](Buddy& buddy) { cache.drain(table_, buddy); });
}

ZoneKind FrameAllocator::zone_of(Frame frame) const {
  for (const Zone& zone : zones_)
    if (zone.contains(frame)) return zone.kind();
  return ZoneKind::highmem;
}

}  // namespace meridian
