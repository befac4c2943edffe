// SPDX-License-Identifier: MIT
/// The tables of a kernel half: the paging engine, with what the parts of the kernel half need
/// besides.
///
/// Who may write what. Tables are only ever added: a link from one table to the next, once written,
/// stays for ever, and two CPUs that want to add the same table settle it with one
/// compare-and-exchange. So anybody may walk at any time without a lock. A leaf belongs to whoever
/// owns its addresses (an area of vmalloc, a fixmap slot, the linear map), and only the owner
/// writes it.
#pragma once

#include "mm/paging/mapper.h"

namespace meridian {

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T>
class KernelTables {
 public:
  using Entry = typename F::Entry;
  using Geometry = typename F::Geometry;
  using Mapper = meridian::Mapper<F, Store, T, Sharing::shared>;
  using Walk = meridian::Walk<F>;

  /// Where a walk ends: the entry, and its neighbours in the same table.
  struct Place {
    Entry* slots;
    Level level;
  };

  KernelTables(Frame root, const Geometry& geometry, Store store, T tlb)
      : store_(store), tlb_(tlb), geometry_(geometry), root_(root) {}

  Frame root() const { return root_; }
  const Geometry& geometry() const { return geometry_; }
  /// For everything the engine does; what it returns must not outlive this.
  Mapper mapper() { return Mapper(root_, geometry_, store_, tlb_); }
  T& tlb() { return tlb_; }

  /// Entries in every table but perhaps the root.
  static constexpr usize kTableEntries = kPageSize / sizeof(Entry);

  /// How many pages from `va` on one L3 table maps.
  static u64 pages_in_table(VirtAddr va) {
    return kTableEntries - (va.value() >> kPageShift) % kTableEntries;
  }

  /// The entry of `va` in a table of `leaf` level; tables that are missing are added, all or none.
  /// It may be kept: it is the entry of `va` for ever. Errc::already_mapped if a leaf above maps
  /// `va`, out_of_frames.
  Result<Entry*> reach(VirtAddr va, Level leaf);

  /// Where the walk for `va` ends.
  Place find(VirtAddr va) {
    Cursor<F, Store> cursor(geometry_, store_, root_, va);
    cursor.descend();
    return {cursor.slots(), cursor.level()};
  }

  /// What this kernel maps nowhere in its half: Errc::write_and_execute, or unsupported for a user
  /// mapping.
  static Result<void> check_rights(const Attributes& attributes, VirtAddr about) {
    if (violates_wx(attributes)) return Error{Errc::write_and_execute, about.value()};
    if (attributes.user) return Error{Errc::unsupported, about.value()};
    return {};
  }

 private:
  [[no_unique_address]] Store store_;
  [[no_unique_address]] T tlb_;
  Geometry geometry_;
  Frame root_;
};

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T>
auto KernelTables<F, Store, T>::reach(VirtAddr va, Level leaf) -> Result<Entry*> {
  Cursor<F, Store> cursor(geometry_, store_, root_, va);
  const Entry found = cursor.descend(leaf);
  if (cursor.level() == leaf) return cursor.slots();
  if (found.kind(cursor.level()) == Kind::leaf) return Error{Errc::already_mapped, va.value()};

  SpareTables<Entry, Store> spares(store_);
  for (unsigned level = number_of(cursor.level()); level != number_of(leaf); ++level)
    TRY(spares.add());
  while (cursor.level() != leaf) {
    // Another CPU may have added it meanwhile; its table serves as well.
    if (cursor.kind() == Kind::table)
      cursor.descend_into(cursor.entry().output());
    else
      cursor.template descend_into_new<Sharing::shared>(spares);
  }
  return cursor.slots();
}

}  // namespace meridian
