// SPDX-License-Identifier: MIT
/// The translation-table format of this architecture under the names that mm/ uses, and the
/// registers that hold the roots.
#pragma once

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/tcr.h"
#include "arch/aarch64/regs/ttbr.h"
#include "arch/aarch64/vmsa/descriptor.h"
#include "mm/layout/layout.h"
#include "mm/paging/format.h"

namespace meridian::arch {

/// Beyond what PagingFormat asks, an Entry can describe() itself, list its problems(level, half),
/// and tell what a leaf grants each exception level (el1_rights(), el0_rights()).
using Format = Vmsa;
using Entry = Format::Entry;  // and Geometry, by its own name

/// The halves under the layout chosen at boot.
inline Geometry user_geometry() { return Geometry(Half::low, current_layout().user_bits); }
inline Geometry kernel_geometry() { return Geometry(Half::high, current_layout().kernel_bits); }

/// The first table of the kernel half. Set once, before this code runs.
inline Frame kernel_root() { return Ttbr(hw::read_ttbr1_el1()).root(); }

/// How many bits of an ASID this CPU compares: 8 or 16.
inline unsigned asid_bits() { return Tcr::AS::decode(hw::read_tcr_el1()) ? 16 : 8; }

/// What this CPU translates the user half with.
struct UserRoot {
  Frame table;
  u16 asid = 0;
  friend constexpr bool operator==(const UserRoot&, const UserRoot&) = default;
};
inline UserRoot user_root() {
  const Ttbr ttbr(hw::read_ttbr0_el1());
  return {ttbr.root(), ttbr.asid()};
}

/// What TTBR0 holds for it.
inline u64 ttbr0_of(const UserRoot& root) { return Ttbr(root.table, root.asid).raw(); }

/// What maps nothing: for threads that have no program.
UserRoot empty_user_root();

/// Switches this CPU to another user half. Nothing is invalidated: translations of the old one
/// carry its ASID, which with TCR_EL1.A1 = 0 changes in the same write as the table, so none is
/// ever tagged wrongly.
inline void set_user_root(const UserRoot& root) {
  hw::write_ttbr0_el1(ttbr0_of(root));
  hw::isb();  // user_copy may use the new half right away
}

}  // namespace meridian::arch
