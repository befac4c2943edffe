// SPDX-License-Identifier: MIT
/// What a translation-table format must offer for the paging engine (mm/paging) to work on it. The
/// engine names no architecture: `<arch/paging.h>` binds it to one, the host tests to two.
#pragma once

#include <concepts>

#include "kernel/lib/result.h"
#include "mm/address.h"
#include "mm/frame.h"
#include "mm/paging/attributes.h"

namespace meridian {

/// A level of lookup, numbered as in the Arm ARM: L3 maps pages, L0 is the root of a 48-bit space.
enum class Level : u8 { L0, L1, L2, L3 };
inline constexpr Level kLevels[] = {Level::L0, Level::L1, Level::L2, Level::L3};

constexpr Level next_level(Level level) {
  CHECK(level != Level::L3);
  return static_cast<Level>(static_cast<u8>(level) + 1);
}
constexpr unsigned number_of(Level level) { return static_cast<unsigned>(level); }

/// What one entry of a table is. The same bits may mean different things at different levels, so
/// every question about an entry names the level.
enum class Kind : u8 { invalid, table, leaf };

// clang-format 14 cannot lay out a concept.
// clang-format off

/// The shape of one half's address space: where its walk starts and what each level indexes. A
/// run-time value, since the layout chosen at boot decides it.
template <typename G>
concept PagingGeometry = requires(const G g, Level level, VirtAddr va) {
  { g.first_level() } -> std::same_as<Level>;
  // The entry of `va` in a table of `level`; and in one that is not the first, which is simpler.
  { g.index(level, va) } -> std::same_as<usize>;
  { G::table_index(level, va) } -> std::same_as<usize>;
  { g.entry_span(level) } -> std::same_as<u64>;  // bytes of address space one entry covers
  { g.entries(level) } -> std::same_as<usize>;   // entries a table of `level` uses
  { g.can_map(level) } -> std::same_as<bool>;    // may an entry of `level` be a leaf
  { g.contiguous_entries(level) } -> std::same_as<usize>;  // size of a contiguous group, 1 if none
  { g.contains(va) } -> std::same_as<bool>;                // does this half translate `va`
};

/// A format: its entry, its geometry, and how many bits a physical address has at most. A half
/// starts at address 0 or ends at 2^64.
template <typename F>
concept PagingFormat =
    PagingGeometry<typename F::Geometry> && std::is_trivially_copyable_v<typename F::Entry> &&
    std::convertible_to<decltype(F::kOutputBits), unsigned> &&
    sizeof(typename F::Entry) == sizeof(u64) &&
    requires(typename F::Entry e, Level level, Frame frame, Attributes wanted, u64 raw) {
      { typename F::Entry() };  // the invalid entry: all zeros
      { typename F::Entry(raw) };
      { F::Entry::table(frame) } -> std::same_as<typename F::Entry>;
      { F::Entry::leaf(level, frame, wanted) } -> std::same_as<typename F::Entry>;
      { e.raw() } -> std::same_as<u64>;
      { e.kind(level) } -> std::same_as<Kind>;
      { e.output() } -> std::same_as<Frame>;  // next table, or the leaf's first frame
      // Of a leaf: the same to another frame, the same so many frames further on, what it permits.
      { e.with_output(frame) } -> std::same_as<typename F::Entry>;
      { e.advanced(raw) } -> std::same_as<typename F::Entry>;
      { e.attributes(level) } -> std::same_as<Attributes>;
    };

/// Where the engine gets its tables. `entries()` is the only way from a table's frame to its words.
template <typename S, typename Entry>
concept TableStore = requires(S store, Frame table) {
  { store.allocate_table() } -> std::same_as<Result<Frame>>;  // zeroed, owner = table
  { store.free_table(table) } -> std::same_as<void>;          // nothing may still walk to it
  { store.entries(table) } -> std::same_as<Entry*>;
};

/// How much an invalidation must remove.
enum class TlbScope : u8 {
  leaf_only,   // last-level entries: no table was unlinked
  all_levels,  // also walk-cache entries: a table was unlinked (or a leaf above L3 replaced)
};

/// The TLB of one address space, as the gather and break-before-make use it. Every call is complete
/// for all CPUs (inner shareable) only after finish().
template <typename T>
concept Tlb = requires(T tlb, VirtAddr va, u64 size, u64 stride, TlbScope scope) {
  // Table writes so far are visible to every walker and to this CPU's next access (DSB ISHST, ISB).
  { tlb.publish() } -> std::same_as<void>;
  // One entry each `stride` bytes of [va, va + size).
  { tlb.invalidate(va, size, stride, scope) } -> std::same_as<void>;
  // This whole address space.
  { tlb.invalidate_all() } -> std::same_as<void>;
  // The invalidations are complete (DSB ISH, ISB).
  { tlb.finish() } -> std::same_as<void>;
};

// clang-format on

}  // namespace meridian
