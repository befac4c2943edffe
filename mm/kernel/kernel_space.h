// SPDX-License-Identifier: MIT
/// The kernel's half of the address space (TTBR1): one tree of tables, the same in every process.
/// This is its one owner. The root is set once and never changes; kernel_tables.h says who may
/// write what, and why walking needs no lock.
#pragma once

#include <arch/memory.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include <optional>

#include "mm/frames/frames.h"
#include "mm/kernel/kernel_tables.h"
#include "mm/kernel/linear_map.h"

namespace meridian {

/// Tables of the kernel half come from the frame allocator and are reached through the linear map.
class KernelTableStore {
 public:
  Result<Frame> allocate_table() {
    const Frame table = TRY(alloc_frame(FrameOwner::table));
    arch::clear_page(linear_map.pointer(table));
    return table;
  }
  void free_table(Frame table) { free_frame(table); }
  arch::Entry* entries(Frame table) const { return linear_map.pointer<arch::Entry>(table); }
};

class KernelSpace {
 public:
  using Tables = KernelTables<arch::Format, KernelTableStore, arch::KernelTlb>;
  using Mapper = Tables::Mapper;

  /// Adopts the tables that boot built. Boot calls it once, when the linear map stands.
  void start(Frame root) {
    tables_.emplace(root, arch::kernel_geometry(), KernelTableStore(), arch::KernelTlb());
  }

  Frame root() const { return tables_->root(); }
  /// For the parts of mm/kernel that own address ranges.
  Tables& tables() { return *tables_; }

  /// Maps `range`, which the caller owns, to the frames from `first` on. Errc::write_and_execute
  /// and unsupported for rights that nothing in this half may have; else as Mapper::map().
  Result<void> map(VirtRange range, Frame first, Attributes attributes, MapOptions options = {});
  Result<void> map_pages(VirtAddr start, std::span<const Frame> frames, Attributes attributes);

  /// Removes what is mapped in `range`, which the caller owns; holes are fine. When it returns, no
  /// TLB knows any of it. Errc::bad_range, out_of_frames (a block reaches out of the range and
  /// there is no table to split it).
  Result<void> unmap(VirtRange range);

  /// Gives what is mapped in `range` these rights. Errors as map(), and out_of_frames.
  Result<void> protect(VirtRange range, Attributes attributes);

  /// Errc::not_mapped; not_canonical for an address that this half does not translate.
  Result<Translation> translate(VirtAddr va) { return tables().mapper().translate(va); }

  /// The frame that `va` leads to, as fast as a walk can be. Errors as translate().
  Result<Frame> frame_of(VirtAddr va) {
    return Frame::containing(TRY(tables().mapper().physical(va)));
  }

  /// Every entry that the MMU would read for `va`.
  Tables::Walk walk(VirtAddr va) { return tables().mapper().walk(va); }

  /// Calls `visit(const DumpRun&)` for all runs of the half, lowest first.
  template <typename Visit>
  void dump(Visit&& visit) {
    tables().mapper().dump(visit);
  }
  template <typename Visit>
  void dump(VirtRange part, Coalesce rule, Visit&& visit) {
    tables().mapper().dump(part, rule, visit);
  }

 private:
  std::optional<Tables> tables_;
};

namespace detail {
[[gnu::visibility("hidden")]] extern KernelSpace kernel_space;
}  // namespace detail
inline KernelSpace& kernel_space() { return detail::kernel_space; }

/// Puts memory behind parts of the frame table: what frames_start() wants. It never uses the frame
/// allocator, whose caller it is.
TableBacking& frame_table_backing();

}  // namespace meridian
