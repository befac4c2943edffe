// SPDX-License-Identifier: MIT
/// Device registers, one access of one size each. Plain loads and stores with a base register only:
/// a hypervisor that must emulate the access cannot decode other forms.
#pragma once

#include "kernel/lib/types.h"

namespace meridian::hw {

// Accesses to one device arrive in program order (device memory). The "memory" clobbers order them
// against the compiler's view of ordinary memory; against the machine's, the caller uses a barrier.
inline u32 read32(u64 address) {
  u32 value;
  asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
inline u64 read64(u64 address) {
  u64 value;
  asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
inline void write8(u64 address, u8 value) {
  asm volatile("strb %w0, [%1]" : : "rZ"(value), "r"(address) : "memory");
}
inline void write32(u64 address, u32 value) {
  asm volatile("str %w0, [%1]" : : "rZ"(value), "r"(address) : "memory");
}
inline void write64(u64 address, u64 value) {
  asm volatile("str %x0, [%1]" : : "rZ"(value), "r"(address) : "memory");
}

}  // namespace meridian::hw
