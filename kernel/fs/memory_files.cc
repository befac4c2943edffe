// SPDX-License-Identifier: MIT
#include "kernel/fs/memory_files.h"

#include <arch/cpu.h>

#include "kernel/init/system.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/log/symbols.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/slab.h"

namespace meridian {
namespace {

constexpr ZoneKind kZoneKinds[] = {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem};

constexpr u64 kilobytes(u64 frames) { return frames * (kPageSize / 1024); }

void meminfo_line(Writer& out, std::string_view label, u64 kib) {
  print(out, "{:<16}{:>8} kB\n", label, kib);
}

/// Pages of areas of `kind`.
u64 pages_of_areas(AreaKind kind) {
  u64 pages = 0;
  for_each_area([&](const AreaInfo& area) {
    if (area.kind == kind) pages += area.range.size() >> kPageShift;
  });
  return pages;
}

/// Lines of meminfo that are 0 here, where Linux has them.
void print_absent(Writer& out, std::initializer_list<std::string_view> labels) {
  for (const std::string_view label : labels) meminfo_line(out, label, 0);
}

u64 spanned(const ZoneStats& zone) { return zone.span.count; }

void print_zone(Writer& out, const ZoneStats& zone) {
  print(out, "Node 0, zone {:>8}\n", name_of(zone.kind));
  print(out, "  pages free     {}\n", zone.free);
  for (const std::string_view watermark : {"boost", "min", "low", "high"})
    print(out, "        {:<8} 0\n", watermark);
  print(out, "        spanned  {}\n", spanned(zone));
  print(out, "        present  {}\n", zone.present);
  print(out, "        managed  {}\n", zone.managed);
  print(out, "        cma      0\n        protection: (0, 0, 0, 0)\n");
  if (zone.present == 0) return;
  print(out, "      nr_free_pages {}\n", zone.free);
  if (zone.kind == ZoneKind::normal) {
    out.write("  pagesets\n");
    for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu)
      if (const u64 count = cached_frames(cpu); cpu == 0 || count != 0)
        print(out, "    cpu: {}\n              count: {}\n", cpu, count);
  }
  print(out, "  start_pfn:           {}\n", zone.span.first.number());
}

/// A line of iomem, `depth` deep.
struct Resource {
  PhysRange range;
  std::string_view name;
  unsigned depth;
};

void print_resource(Writer& out, const Resource& r) {
  for (unsigned i = 0; i < r.depth; ++i) out.write("  ");
  print(out, "{:08x}-{:08x} : {}\n", r.range.start().value(), r.range.last().value(), r.name);
}

/// The devices that this kernel drives, in ascending order of address.
class Devices {
 public:
  Devices() {
    const MachineDescription& machine = the_system().machine;
    add(machine.uart.registers, "pl011");
    add(machine.real_time_clock, "pl031");
    add(machine.gic.distributor, "GICD");
    add(machine.gic.cpu_interface, "GICC");
    for (const PhysRange& region : machine.gic.redistributors) add(region, "GICR");
  }

  /// Prints those that start below `end`, and forgets them.
  void print_below(Writer& out, u64 end) {
    while (next_ < all_.size() && all_[next_].range.start().value() < end)
      print_resource(out, all_[next_++]);
  }

 private:
  void add(PhysRange range, std::string_view name) {
    if (range.is_empty() || !all_.push({range, name, 0})) return;
    for (usize i = all_.size() - 1; i != 0 && all_[i].range.start() < all_[i - 1].range.start();
         --i)
      std::swap(all_[i], all_[i - 1]);
  }

  FixedVector<Resource, 8> all_;
  usize next_ = 0;
};

}  // namespace

void print_meminfo(Writer& out) {
  const FrameStats frames = frame_stats();
  const auto owned = [&](FrameOwner owner) {
    return kilobytes(frames.by_owner[static_cast<usize>(owner)]);
  };
  const VmallocStats vmalloc = vmalloc_stats();
  meminfo_line(out, "MemTotal:", kilobytes(frames.managed));
  meminfo_line(out, "MemFree:", kilobytes(frames.free));
  meminfo_line(out, "MemAvailable:", kilobytes(frames.free));
  print_absent(out, {"Buffers:", "Cached:", "SwapCached:", "Active:", "Inactive:", "Active(anon):",
                     "Inactive(anon):", "Active(file):", "Inactive(file):", "Unevictable:",
                     "Mlocked:", "SwapTotal:", "SwapFree:", "Dirty:", "Writeback:"});
  meminfo_line(out, "AnonPages:", owned(FrameOwner::user));
  print_absent(out, {"Mapped:", "Shmem:", "KReclaimable:"});
  meminfo_line(out, "Slab:", owned(FrameOwner::slab));
  meminfo_line(out, "SReclaimable:", 0);
  meminfo_line(out, "SUnreclaim:", owned(FrameOwner::slab));
  meminfo_line(out, "KernelStack:", kilobytes(pages_of_areas(AreaKind::kernel_stack)));
  meminfo_line(out, "PageTables:", owned(FrameOwner::table));
  print_absent(out, {"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:"});
  meminfo_line(out, "CommitLimit:", kilobytes(frames.managed));
  meminfo_line(out, "Committed_AS:", owned(FrameOwner::user));
  meminfo_line(out, "VmallocTotal:", vmalloc.total / 1024);
  meminfo_line(out, "VmallocUsed:", vmalloc.used / 1024);
  print_absent(out, {"VmallocChunk:", "Percpu:"});
}

void print_zoneinfo(Writer& out) {
  for (const ZoneKind kind : kZoneKinds) print_zone(out, zone_stats(kind));
}

void print_buddyinfo(Writer& out) {
  for (const ZoneKind kind : kZoneKinds) {
    const ZoneStats zone = zone_stats(kind);
    if (zone.present == 0) continue;
    print(out, "Node 0, zone {:>8} ", name_of(kind));
    for (const u64 blocks : zone.blocks) print(out, "{:>6} ", blocks);
    out.put('\n');
  }
}

void print_slabinfo(Writer& out) {
  out.write(
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
  for (usize id = 0; id < SlabCache::kMaxCaches; ++id) {
    SlabCache* cache = slab_cache(id);
    if (cache == nullptr) continue;
    const SlabStats s = cache->stats();
    print(out, "{:<17} {:>6} {:>6} {:>6} {:>4} {:>4}", s.name, s.active, s.objects, s.object_size,
          s.objects_per_slab, s.frames_per_slab);
    print(out, " : tunables {:>4} {:>4} {:>4}", 0u, 0u, 0u);
    print(out, " : slabdata {:>6} {:>6} {:>6}\n", s.active_slabs, s.slabs, 0u);
  }
}

/// Linux counts the guard page behind an area as part of it; the image's parts have none.
void print_vmallocinfo(Writer& out) {
  for_each_area([&](const AreaInfo& area) {
    const bool guarded = area.kind != AreaKind::image;
    const u64 size = area.range.size() + (guarded ? kPageSize : 0);
    print(out, "{}-{} {:>7} ", area.range.start(), area.range.start() + size, size);
    const u64 caller = VirtAddr::of(area.caller).value();
    const std::optional<SymbolPlace> place = find_symbol(caller);
    if (!area.name.empty())
      out.write(area.name);
    else if (place)
      print(out, "{}+{:X}", place->name, place->offset);
    else
      print(out, "{:X}", caller);
    if (owns_frames(area.kind)) print(out, " pages={}", area.range.size() >> kPageShift);
    if (!owns_frames(area.kind)) print(out, " phys={}", area.phys);
    print(out, " {}\n", name_of(area.kind));
  });
}

void print_iomem(Writer& out) {
  Devices devices;
  the_system().memory.for_each_line(
      [&](const PhysRange& range, std::string_view name, unsigned depth) {
        if (depth == 0) devices.print_below(out, range.start().value());
        print_resource(out, {range, name, depth});
      });
  devices.print_below(out, ~u64{0});
}

}  // namespace meridian
