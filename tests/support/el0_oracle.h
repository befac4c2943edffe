// SPDX-License-Identifier: MIT
/// What EL0 may do at an address, read from the tables by a few lines written from the manual (Arm
/// ARM D8.3, 4 KiB granule, 48 bits, four levels). It shares nothing with the code that wrote the
/// tables but the arena that they lie in.
#pragma once

#include <arch/paging.h>
#include <arch/user_access.h>

#include <optional>

#include "kernel/lib/types.h"
#include "mm/kernel/linear_map.h"

namespace meridian {

struct El0View {
  u64 pa;
  bool read, write, execute;
  bool global;
};

/// Where `va` leads below the table at physical `root`; nothing if it is not mapped.
inline std::optional<El0View> el0_view(u64 root, u64 va) {
  if (va >> 48 != 0) return std::nullopt;
  u64 table = root;
  for (int level = 0; level < 4; ++level) {
    const int shift = 39 - 9 * level;
    const u64 entry = linear_map.pointer<u64>(PhysAddr(table))[va >> shift & 511];
    if ((entry & 1) == 0) return std::nullopt;
    const u64 output = entry & 0x0000'ffff'ffff'f000;
    const bool is_table = (entry & 2) != 0 && level != 3;
    if (is_table) {
      table = output;
      continue;
    }
    if (level == 0 || (level == 3 && (entry & 2) == 0)) return std::nullopt;
    const u64 inside = va & ((u64{1} << shift) - 1);
    const bool user = (entry & 1 << 6) != 0, read_only = (entry & 1 << 7) != 0;
    const bool accessed = (entry & 1 << 10) != 0;
    return El0View{.pa = output + inside,
                   .read = user && accessed,
                   .write = user && accessed && !read_only,
                   .execute = (entry >> 54 & 1) == 0,
                   .global = (entry & 1 << 11) == 0};
  }
  return std::nullopt;
}

/// The same for an address space that has a root().
template <typename Space>
std::optional<El0View> el0_view(const Space& space, UserAddr va) {
  return el0_view(space.root().table.address().value(), va.value());
}

/// For arch::fake_el0_byte: EL0 of this thread's active space.
inline std::byte* el0_byte(u64 va, bool write) {
  const auto view = el0_view(arch::fake_user_root.table.address().value(), va);
  if (!view || !(write ? view->write : view->read)) return nullptr;
  return linear_map.pointer<std::byte>(PhysAddr(view->pa));
}

}  // namespace meridian
