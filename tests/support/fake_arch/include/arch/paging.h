// SPDX-License-Identifier: MIT
/// <arch/paging.h> on the host: the arm64 format itself, which is pure, so that the model MMU can
/// read the tables that the code under test writes. The registers that hold the roots are
/// variables.
#pragma once

#include "arch/aarch64/vmsa/descriptor.h"
#include "mm/layout/layout.h"
#include "mm/paging/format.h"

namespace meridian::arch {

using Format = Vmsa;
using Entry = Format::Entry;

inline Geometry user_geometry() { return Geometry(Half::low, current_layout().user_bits); }
inline Geometry kernel_geometry() { return Geometry(Half::high, current_layout().kernel_bits); }

inline unsigned asid_bits() { return 16; }

struct UserRoot {
  Frame table{};
  u16 asid = 0;
  friend constexpr bool operator==(const UserRoot&, const UserRoot&) = default;
};

/// TTBR1, the same for all CPUs, and TTBR0, which each CPU (thread) has for itself. Tests write
/// them.
inline Frame fake_kernel_root;
inline thread_local UserRoot fake_user_root;

inline u64 ttbr0_of(const UserRoot& root) {
  return u64{root.asid} << 48 | root.table.address().value();
}
inline Frame kernel_root() { return fake_kernel_root; }
inline UserRoot user_root() { return fake_user_root; }
inline UserRoot empty_user_root() { return {}; }
inline void set_user_root(const UserRoot& root) { fake_user_root = root; }

}  // namespace meridian::arch
