// SPDX-License-Identifier: MIT
#include "kernel/fs/table_dump.h"

#include <arch/paging.h>

#include "mm/kernel/kernel_space.h"
#include "mm/kernel/vmalloc.h"
#include "mm/paging/dump.h"

namespace meridian {
namespace {

using Entry = arch::Entry;

/// Linux's names for the levels, whatever of them there are.
std::string_view level_name(Level level) {
  switch (level) {
    case Level::L0:
      return "PGD";
    case Level::L1:
      return "PUD";
    case Level::L2:
      return "PMD";
    case Level::L3:
      return "PTE";
  }
  UNREACHABLE();
}

std::string_view type_name(MemoryType type) {
  switch (type) {
    case MemoryType::normal:
      return "MEM/NORMAL";
    case MemoryType::normal_uncached:
      return "MEM/NORMAL-NC";
    case MemoryType::device:
      return "DEVICE/nGnRE";
    case MemoryType::device_strict:
      return "DEVICE/nGnRnE";
  }
  UNREACHABLE();
}

/// The headings of a region: Linux's where it has one.
struct Heading {
  std::string_view start, end;
};
Heading heading_of(RegionKind kind) {
  switch (kind) {
    case RegionKind::linear:
      return {"Linear Mapping start", "Linear Mapping end"};
    case RegionKind::modules:
      return {"Modules start", "Modules end"};
    case RegionKind::vmalloc:
      return {"vmalloc() area", "vmalloc() end"};
    case RegionKind::fixmap:
      return {"Fixmap start", "Fixmap end"};
    case RegionKind::image:
      return {"Kernel image start", "Kernel image end"};
    case RegionKind::pci_io:
      return {"PCI I/O start", "PCI I/O end"};
    case RegionKind::pkmap:
      return {"Pkmap start", "Pkmap end"};
    case RegionKind::frame_table:
      return {"vmemmap start", "vmemmap end"};
    case RegionKind::user:
    case RegionKind::hole:
    case RegionKind::guard:
    case RegionKind::unused:
      return {};
  }
  UNREACHABLE();
}

/// The bits in Linux's order, each with its own width; a blank where it is clear and has no name
/// so.
void print_bits(Writer& out, const DumpRun& run) {
  const Entry entry(run.bits);
  const u64 raw = entry.raw();
  const auto bit = [&](bool set, std::string_view yes, std::string_view no) {
    out.put(' ');
    out.write(set ? yes : no);
  };
  out.write("  ");  // the valid bit's place
  bit(run.attributes.user, "USR", "   ");
  bit(!run.attributes.write, "ro", "RW");
  bit(Entry::PXN::is_set(raw), "NX", "x ");
  bit(Entry::SH::decode(raw) == arch::Shareability::inner, "SHD", "   ");
  bit(Entry::AF::is_set(raw), "AF", "  ");
  bit(Entry::nG::is_set(raw), "NG", "  ");
  bit(Entry::Contiguous::is_set(raw), "CON", "   ");
  bit(run.level == Level::L3, "   ", "BLK");
  bit(Entry::UXN::is_set(raw), "UXN", "   ");
  bit(Entry::GP::is_set(raw), "GP", "  ");
  print(out, " {}", type_name(run.attributes.type));
}

void print_run(Writer& out, const DumpRun& run) {
  print(out, "{}-{}   {:>10} {}", run.range.start(), run.range.end(), Bytes{run.range.size()},
        level_name(run.level));
  if (run.kind == Kind::leaf) print_bits(out, run);
  out.put('\n');
}

void print_part(Writer& out, const arch::Geometry& geometry, Frame root, VirtRange part) {
  KernelTableStore store;
  dump_tables<arch::Format>(geometry, store, root, part, Coalesce::rights,
                            [&](const DumpRun& run) { print_run(out, run); });
}

/// "first last PA level entry", all but the level in hexadecimal; the entry without its address.
void print_raw_run(Writer& out, const DumpRun& run) {
  if (run.kind != Kind::leaf) return;
  print(out, "{:016x} {:016x} {:016x} L{} {:016x}\n", run.range.start().value(),
        run.range.last().value(), run.first.address().value(), number_of(run.level), run.bits);
}

}  // namespace

void print_raw_kernel_tables(Writer& out) {
  const arch::Geometry geometry = arch::kernel_geometry();
  KernelTableStore store;
  dump_tables<arch::Format>(geometry, store, kernel_space().root(), half_of(geometry),
                            Coalesce::rights_and_frames,
                            [&](const DumpRun& run) { print_raw_run(out, run); });
}

void print_kernel_tables(Writer& out) {
  for (const Region& region : current_layout().regions) {
    if (!arch::kernel_geometry().contains(VirtAddr(region.first))) continue;
    const Heading heading = heading_of(region.kind);
    if (!heading.start.empty()) print(out, "---[ {} ]---\n", heading.start);
    print_part(out, arch::kernel_geometry(), kernel_space().root(), region.range());
    if (!heading.end.empty()) print(out, "---[ {} ]---\n", heading.end);
  }
}

void print_user_tables(Writer& out, Frame root) {
  const Region& user = current_layout().region(RegionKind::user);
  print_part(out, arch::user_geometry(), root, user.range());
}

/// Printing takes too long to hold the space's lock. Counted first, and again if there are more when
/// they are kept.
Result<void> print_user_tables(Writer& out, UserSpace& space) {
  constexpr usize kMore = 16;
  for (usize room = kMore;;) {
    const auto runs = static_cast<DumpRun*>(TRY(vmalloc(room * sizeof(DumpRun))));
    usize count = 0;
    space.dump(Coalesce::rights, [&](const DumpRun& run) {
      if (count++ < room) runs[count - 1] = run;
    });
    const bool fits = count <= room;
    for (usize i = 0; fits && i < count; ++i) print_run(out, runs[i]);
    vfree(runs);
    if (fits) return {};
    room = count + kMore;
  }
}

}  // namespace meridian
