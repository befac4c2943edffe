// SPDX-License-Identifier: MIT
/// Copies that survive a fault. Each returns how many bytes it did not copy: 0, or all from the
/// first byte on that could not be accessed. Ranges may lie anywhere; a program's side is accessed
/// with EL0's rights, so an address of the kernel half there fails like an unmapped one.
///
/// A fault on the program's side first goes to handle_kernel_fault() (kernel/entry.h), which may
/// provide the page.
#pragma once

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

extern "C" {  // cpu/user_copy.S
u64 copy_in_bytes(void* to, u64 from, u64 bytes);
u64 copy_out_bytes(u64 to, const void* from, u64 bytes);
u64 clear_out_bytes(u64 to, u64 bytes);
u64 copy_checked_bytes(u64 to, u64 from, u64 bytes);
}

/// From a program.
[[nodiscard]] inline u64 copy_in(void* to, UserAddr from, u64 bytes) {
  return copy_in_bytes(to, from.value(), bytes);
}
/// To a program.
[[nodiscard]] inline u64 copy_out(UserAddr to, const void* from, u64 bytes) {
  return copy_out_bytes(to.value(), from, bytes);
}
/// Zeros to a program.
[[nodiscard]] inline u64 clear_out(UserAddr to, u64 bytes) {
  return clear_out_bytes(to.value(), bytes);
}
/// Between two addresses that may both be wrong, with the kernel's rights.
[[nodiscard]] inline u64 copy_checked(VirtAddr to, VirtAddr from, u64 bytes) {
  return copy_checked_bytes(to.value(), from.value(), bytes);
}

}  // namespace meridian::arch
