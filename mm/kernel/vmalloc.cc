// SPDX-License-Identifier: MIT
#include "mm/kernel/vmalloc.h"

#include "mm/kernel/ioremap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/kmap.h"
#include "mm/kernel/vmalloc_core.h"
#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// Nobody needs linear addresses of vmalloc's frames: HIGHMEM serves first, where there is any.
/// (Where there is none, saying so once is cheaper than asking for each frame.)
constinit ZoneKind highest_zone = ZoneKind::normal;

/// The kernel around vmalloc.
struct KernelBacking {
  using Tables = KernelSpace::Tables;
  static constexpr unsigned kRunOrder = std::countr_zero(arch::contiguous_group(Level::L3));
  static constexpr unsigned kBlockOrder =
      std::countr_zero(arch::entry_span(Level::L2)) - kPageShift;

  static Tables& tables() { return kernel_space().tables(); }
  static Result<Frame> alloc_frames(unsigned order) {
    return meridian::alloc_frames(order, FrameOwner::vmalloc, highest_zone);
  }
  static void free_frames(Frame frame, unsigned order) { meridian::free_frames(frame, order); }
  static unsigned order_of(Frame frame) { return frame_info(frame).order(); }
  static Result<void*> alloc_record(usize bytes) { return kmalloc(bytes); }
  static void free_record(void* memory) { kfree(memory); }
  static void zero(Frame first, u64 count) {
    for (u64 i = 0; i < count; ++i) arch::clear_page(KmapLocal(first + i).pointer());
  }
};
using Core = VmallocCore<KernelBacking>;

constinit Core core;

/// No area has more pages than RAM has frames, or than a record can count.
constinit u64 most_pages = 0;
constexpr u64 kMostCounted = 0xffff'0000;

/// On each CPU, 1/256 of RAM but at most 4 MiB may wait for a flush.
constexpr u64 lazy_limit(u64 ram_frames) {
  const u64 share = ram_frames / 256;
  return share < 32 ? 32 : share > 1024 ? 1024 : share;
}

void* pointer_to(VirtAddr va) { return reinterpret_cast<void*>(va.value()); }

Result<void> check_request(u64 size, u64 alignment) {
  if (size == 0) return Error{Errc::bad_range, 0};
  if (size > most_pages << kPageShift) return Error{Errc::too_large, size};
  if (!is_power_of_two(alignment)) return Error{Errc::not_aligned, alignment};
  return {};
}

/// `caller` is who vmallocinfo names.
[[gnu::always_inline]] inline Result<void*> allocate_own(u64 size, const VmallocOptions& options,
                                                         const void* caller) {
  // One comparison for the common case: 0 wraps round.
  if (size - 1 >= most_pages << kPageShift || !is_power_of_two(options.alignment)) [[unlikely]]
    return check_request(size, options.alignment).error();
  const u64 pages = (size + (kPageSize - 1)) >> kPageShift;
  const Core::Request request{.kind = AreaKind::vmalloc,
                              .pages = pages,
                              .alignment = options.alignment,
                              .slot_class = class_for(pages, options.alignment),
                              .caller = caller};
  return pointer_to(TRY(core.allocate(request, OwnFrames<KernelBacking>(options.content))));
}

/// Apart, so that the common case of its caller needs no stack.
[[gnu::noinline]] Result<Frame> walk_to_frame(VirtAddr va) { return kernel_space().frame_of(va); }

}  // namespace

const char* name_of(AreaKind kind) {
  switch (kind) {
    case AreaKind::vmalloc:
      return "vmalloc";
    case AreaKind::vmap:
      return "vmap";
    case AreaKind::ioremap:
      return "ioremap";
    case AreaKind::kernel_stack:
      return "stack";
    case AreaKind::image:
      return "image";
  }
  UNREACHABLE();
}

Result<void*> vmalloc(usize size) { return allocate_own(size, {}, __builtin_return_address(0)); }

Result<void*> vmalloc(usize size, const VmallocOptions& options) {
  return allocate_own(size, options, __builtin_return_address(0));
}

void vfree(void* memory) {
  if (memory != nullptr) CHECK(try_vfree(VirtAddr::of(memory)).has_value());
}

Result<void> try_vfree(VirtAddr memory) { return core.free(memory, AreaKind::vmalloc); }

Result<void*> vmap(std::span<const Frame> frames, Attributes attributes) {
  if (frames.empty()) return Error{Errc::bad_range, 0};
  if (frames.size() > kMostCounted) return Error{Errc::too_large, frames.size()};
  TRY(KernelSpace::Tables::check_rights(attributes, VirtAddr(0)));
  const Core::Request request{.kind = AreaKind::vmap,
                              .pages = frames.size(),
                              .alignment = kPageSize,
                              .slot_class = class_for(frames.size(), kPageSize),
                              .caller = __builtin_return_address(0)};
  return pointer_to(TRY(core.allocate(request, GivenFrames<arch::Entry>(frames, attributes))));
}

void vunmap(void* memory) {
  if (memory != nullptr) CHECK(try_vunmap(VirtAddr::of(memory)).has_value());
}

Result<void> try_vunmap(VirtAddr memory) { return core.free_now(memory, AreaKind::vmap); }

Result<Frame> vmalloc_to_frame(const volatile void* address) {
  const VirtAddr va = VirtAddr::of(address);
  const arch::Entry leaf = core.entry_of(va);
  if (leaf.kind(Level::L3) == Kind::leaf) [[likely]]
    return leaf.output();
  return walk_to_frame(va);
}

Result<VirtRange> alloc_kernel_stack() {
  const Core::Request request{.kind = AreaKind::kernel_stack,
                              .pages = kStackPages,
                              .alignment = 2 * kKernelStackSize,
                              .slot_class = kStackClass,
                              .caller = __builtin_return_address(0)};
  OwnFrames<KernelBacking> frames(VmallocOptions::Content::stale);
  return VirtRange(TRY(core.allocate(request, frames)), kKernelStackSize);
}

void free_kernel_stack(VirtRange stack) {
  CHECK(core.free(stack.start(), AreaKind::kernel_stack).has_value());
}

void vmalloc_flush() { core.flush(); }

std::optional<AreaInfo> next_area(VirtAddr from) { return core.next_area(from); }
VmallocStats vmalloc_stats() { return core.stats(); }

Result<void> vmalloc_start(u64 ram_frames, std::span<const ImagePart> image) {
  const VirtRange region = current_layout().region(RegionKind::vmalloc).range();
  const bool has_highmem = zone_stats(ZoneKind::highmem).present != 0;
  highest_zone = has_highmem ? ZoneKind::highmem : ZoneKind::normal;
  VirtAddr taken_end = region.start();
  for (const ImagePart& part : image)
    if (region.contains(part.range)) taken_end = part.range.end();
  TRY(core.start(region, VirtRange::between(region.start(), taken_end), lazy_limit(ram_frames)));
  for (const ImagePart& part : image)
    if (region.contains(part.range)) TRY(core.add_image(part.range, part.name));
  most_pages = ram_frames < kMostCounted ? ram_frames : kMostCounted;
  return {};
}

void close_vmalloc() {
  core.close();
  std::destroy_at(&core);
  std::construct_at(&core);
  most_pages = 0;
}

namespace {

constinit const MemoryMap* memory_map = nullptr;

/// The first address of `range` that is RAM.
Result<void> check_not_ram(PhysRange range) {
  for (const PhysRange& bank : memory_map->banks()) {
    if (!bank.overlaps(range)) continue;
    return Error{Errc::already_mapped,
                 (bank.contains(range.start()) ? range : bank).start().value()};
  }
  return {};
}

}  // namespace

Result<void*> ioremap(PhysRange registers, MemoryType type) {
  const PhysAddr start = registers.start();
  if (registers.is_empty() || registers.wraps()) return Error{Errc::bad_range, start.value()};
  if (registers.last().value() >= MemoryMap::kPhysicalEnd)
    return Error{Errc::too_large, registers.last().value()};
  if (type == MemoryType::normal) return Error{Errc::unsupported, start.value()};
  TRY(check_not_ram(registers));

  const Frame first = Frame::containing(start);
  const u64 pages = Frame::containing(registers.last()) - first + 1;
  const Core::Request request{.kind = AreaKind::ioremap,
                              .pages = pages,
                              .alignment = kPageSize,
                              .slot_class = class_for(pages, kPageSize),
                              .caller = __builtin_return_address(0)};
  if (pages > kMostCounted) return Error{Errc::too_large, registers.size()};
  const Attributes attributes{.type = type, .write = true};
  const VirtAddr page =
      TRY(core.allocate(request, ConsecutiveFrames<KernelBacking>(first, attributes)));
  return pointer_to(page + (start - first.address()));
}

void iounmap(volatile void* registers) {
  if (registers != nullptr) CHECK(try_iounmap(VirtAddr::of(registers)).has_value());
}

Result<void> try_iounmap(VirtAddr registers) {
  return core.free(registers.align_down(kPageSize), AreaKind::ioremap);
}

void ioremap_start(const MemoryMap& map) { memory_map = &map; }

}  // namespace meridian
