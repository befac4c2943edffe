// SPDX-License-Identifier: MIT
/// A VMA (virtual memory area, Linux's word): a range of a program's addresses where one rule
/// holds. It says what may be there; the tables say what is.
#pragma once

#include <arch/paging.h>

#include <array>

#include "kernel/lib/seeded_bugs.h"
#include "mm/kernel/area_tree.h"
#include "mm/paging/attributes.h"
#include "mm/user/memory_object.h"

namespace meridian {

/// What a program asked for (PROT_READ and so on); all false: no access at all. In bits, which are
/// compared, copied and counted with at once.
struct Protection {
  bool read : 1 = false, write : 1 = false, execute : 1 = false;

  /// Can everything be done that `wanted` names?
  constexpr bool covers(const Protection& wanted) const {
    return (read || !wanted.read) && (write || !wanted.write) && (execute || !wanted.execute);
  }
  friend constexpr bool operator==(const Protection&, const Protection&) = default;
};

enum class UserAccess : u8 { read, write, execute };

/// As on arm64 Linux, whatever can be written or executed can be read.
constexpr bool permits(const Protection& protection, UserAccess access) {
  switch (access) {
    case UserAccess::read:
      return protection != Protection{};
    case UserAccess::write:
      return protection.write;
    case UserAccess::execute:
      return protection.execute;
  }
  UNREACHABLE();
}

/// The rights of a page under `protection`. Without any, the page stays where it is, out of EL0's
/// reach (and the kernel's: it copies with EL0's rights).
constexpr Attributes page_rights(const Protection& protection) {
  Attributes rights = kUserRodata;
  rights.user = permits(protection, UserAccess::read);
  rights.write = protection.write;
  rights.execute = protection.execute;
  return rights;
}
/// The same for a page that must be copied before it is written.
constexpr Attributes shared_page_rights(const Protection& protection) {
  Attributes rights = page_rights(protection);
  rights.write = false;
  return rights;
}

/// The entries are worked out in advance: every fault needs one.
constexpr usize index_of(const Protection& protection) {
  return usize{protection.read} | usize{protection.write} << 1 | usize{protection.execute} << 2;
}
template <Attributes (*kRights)(const Protection&)>
constexpr std::array<arch::Entry, 8> entries_by_protection() {
  std::array<arch::Entry, 8> entries;
  for (const bool read : {false, true})
    for (const bool write : {false, true})
      for (const bool execute : {false, true}) {
        const Protection protection{read, write, execute};
        entries[index_of(protection)] =
            arch::Entry::leaf(Level::L3, Frame(), kRights(protection));
      }
  return entries;
}
inline constexpr auto kPageEntries = entries_by_protection<page_rights>();
inline constexpr auto kSharedPageEntries = entries_by_protection<shared_page_rights>();

/// A page's entry under `protection`, but for its frame: with all rights, or of a page that must be
/// copied before it is written.
inline arch::Entry page_entry(const Protection& protection) {
  if (seeded(Bug::user_page_global))
    return arch::Entry::leaf(Level::L3, Frame(), page_rights(protection));
  return kPageEntries[index_of(protection)];
}
inline arch::Entry shared_page_entry(const Protection& protection) {
  if (seeded(Bug::user_page_global))
    return arch::Entry::leaf(Level::L3, Frame(), shared_page_rights(protection));
  return kSharedPageEntries[index_of(protection)];
}

/// All that neighbours must have in common to be one VMA, but for the object.
struct alignas(4) VmaTraits {
  Protection protection;
  Protection most{true, true, true};  // what mprotect may ask for
  bool shared : 1 = false;            // writes are seen by all who map the object
  bool grows_down : 1 = false;        // a stack: touching what lies below extends it
  bool locked : 1 = false;            // its pages stay, and are there before they are touched
  bool lock_on_touch : 1 = false;     // or, of these, only from then on
  bool dont_fork : 1 = false;         // a child has nothing here
  bool wipe_on_fork : 1 = false;      // a child has zeros here
  bool no_dump : 1 = false;           // left out of core dumps

  /// Counted by RLIMIT_DATA: what a program can fill with data of its own.
  constexpr bool is_data() const { return !shared && protection.write && !grows_down; }

  friend constexpr bool operator==(const VmaTraits&, const VmaTraits&) = default;
};

class Vma : public AreaNode {
 public:
  /// Of `space`, which the object then knows (null: nobody's).
  Vma(UserRange range, const VmaTraits& its_traits, const Ref<MemoryObject>& its_object,
      u64 its_page, UserSpace* space)
      : AreaNode(range.start().value(), range.size()),
        traits(its_traits),
        object(its_object),
        first_page(its_page),
        mapping(object.get(), space) {}

  UserAddr start() const { return UserAddr(start_value()); }
  UserAddr end() const { return UserAddr(end_value()); }
  UserRange range() const { return {start(), size()}; }
  u64 pages() const { return size() >> kPageShift; }

  /// The object's page at `va`. (Anonymous memory has no object, and its pages no numbers.)
  u64 page_at(UserAddr va) const { return first_page + ((va - start()) >> kPageShift); }
  /// Pages are copied before they are written.
  bool is_private() const { return !traits.shared; }
  bool is_data() const { return traits.is_data(); }

  VmaTraits traits;
  Ref<MemoryObject> object;  // null: anonymous and private
  u64 first_page;            // of the object, at start(); 0 without one
  /// Pages may be mapped here, or tables be linked that a neighbour left. (Each table below the root
  /// covers some of a VMA with this mark, so that nothing else needs to be looked through.)
  bool has_tables = false;
  ObjectMapping mapping;

 private:
  friend class VmaTree;
};

}  // namespace meridian
