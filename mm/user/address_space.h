// SPDX-License-Identifier: MIT
/// A user address space: an own root for TTBR0, an ASID, and the frames mapped there, which belong
/// to it alone. Everything it takes goes back when it is destroyed. One thread uses it at a time.
#pragma once

#include <arch/paging.h>
#include <arch/tlb.h>

#include <span>

#include "mm/kernel/kernel_space.h"
#include "mm/paging/mapper.h"
#include "mm/user/asid.h"

namespace meridian {

class AddressSpace {
 public:
  using Mapper = meridian::Mapper<arch::Format, KernelTableStore, arch::UserTlb>;
  using Walk = Mapper::Walk;

  /// An empty one. Errc::out_of_frames, out_of_slots (no ASID is left).
  static Result<AddressSpace> create();

  AddressSpace(AddressSpace&& other) noexcept;
  AddressSpace& operator=(AddressSpace&&) = delete;
  /// It must not be active on any CPU.
  ~AddressSpace();

  /// Maps fresh zeroed frames, from zone `highest` or a lower one, at `pages`, which are whole
  /// pages of the half where nothing is mapped, with the rights in `attributes` (a user mapping).
  /// All or nothing. Errc::bad_range, not_aligned, already_mapped, out_of_frames,
  /// write_and_execute.
  Result<void> map_new(UserRange pages, Attributes attributes,
                       ZoneKind highest = ZoneKind::highmem);
  /// Unmaps `pages`, holes being fine, and frees their frames. When it returns no TLB knows them.
  /// Errc::bad_range, not_aligned, out_of_frames.
  Result<void> unmap(UserRange pages);
  /// Gives all of `pages` these rights. Errc::not_mapped if there is a hole in it (nothing has
  /// changed); bad_range, not_aligned, write_and_execute, out_of_frames.
  Result<void> protect(UserRange pages, Attributes attributes);

  /// Writes `bytes` to `to` on, whatever the rights there, as the kernel loads a program. What was
  /// written to executable pages can be executed. Errc::not_mapped; then some may have been
  /// written.
  Result<void> write(UserAddr to, std::span<const std::byte> bytes);

  Result<Translation> translate(UserAddr va) const;
  Walk walk(UserAddr va) const;
  /// Calls `visit(const DumpRun&)` for all runs of the half, lowest first.
  template <typename Visit>
  void dump(Coalesce rule, Visit&& visit) const {
    const Mapper m = mapper();
    m.dump(m.half(), rule, visit);
  }

  /// What TTBR0 holds while this space is active.
  arch::UserRoot root() const { return {root_, asid_.value()}; }
  /// Frames mapped for the program (tables not counted).
  u64 resident_frames() const { return resident_; }

 private:
  AddressSpace(Frame root, Asid asid) : root_(root), asid_(std::move(asid)) {}

  Mapper mapper() const;
  Result<void> check(UserRange pages) const;
  Result<void> map_batch(VirtAddr start, u64 count, Attributes attributes, ZoneKind highest);
  void free_leaves();

  Frame root_;
  Asid asid_;  // 0 after the space was moved away
  u64 resident_ = 0;
};

/// While it lives, this CPU translates the low half with `space`; before and after, with what it
/// was.
class [[nodiscard]] ActiveSpace {
 public:
  explicit ActiveSpace(const AddressSpace& space) : previous_(arch::user_root()) {
    arch::set_user_root(space.root());
  }
  ~ActiveSpace() { arch::set_user_root(previous_); }
  ActiveSpace(const ActiveSpace&) = delete;
  ActiveSpace& operator=(const ActiveSpace&) = delete;

 private:
  arch::UserRoot previous_;
};

}  // namespace meridian
