// SPDX-License-Identifier: MIT
/// <arch/user_access.h> on the host: every byte goes through an MMU that the test provides.
#pragma once

#include <cstddef>

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// Where EL0 finds the byte at `va` in the active space, or nullptr if it may not read (write) it.
/// A test that copies sets it.
inline std::byte* (*fake_el0_byte)(u64 va, bool write) = nullptr;

[[nodiscard]] inline u64 copy_in(void* to, UserAddr from, u64 bytes) {
  for (u64 i = 0; i < bytes; ++i) {
    const std::byte* byte = fake_el0_byte((from + i).value(), false);
    if (byte == nullptr) return bytes - i;
    static_cast<std::byte*>(to)[i] = *byte;
  }
  return 0;
}
[[nodiscard]] inline u64 copy_out(UserAddr to, const void* from, u64 bytes) {
  for (u64 i = 0; i < bytes; ++i) {
    std::byte* byte = fake_el0_byte((to + i).value(), true);
    if (byte == nullptr) return bytes - i;
    *byte = static_cast<const std::byte*>(from)[i];
  }
  return 0;
}

}  // namespace meridian::arch
