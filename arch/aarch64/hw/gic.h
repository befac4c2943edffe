// SPDX-License-Identifier: MIT
/// The GICv3 CPU interface's system registers (GIC Architecture Specification, IHI 0069). Spelled
/// by encoding, since an assembler for plain Armv8.0 does not know their names.
#pragma once

#include "kernel/lib/types.h"

namespace meridian::hw {

/// ICC_IAR1_EL1: takes the pending interrupt with the highest priority; its INTID.
inline u32 gic_acknowledge() {
  u64 value;
  asm volatile("mrs %0, s3_0_c12_c12_0" : "=r"(value) : : "memory");
  return static_cast<u32>(value);
}
/// ICC_EOIR1_EL1: that interrupt is done with.
inline void gic_end(u32 intid) {
  asm volatile("msr s3_0_c12_c12_1, %0" : : "r"(u64{intid}) : "memory");
}
/// ICC_PMR_EL1: only interrupts of a numerically lower priority get through.
inline void write_icc_pmr_el1(u64 value) {
  asm volatile("msr s3_0_c4_c6_0, %0" : : "r"(value) : "memory");
}
inline void write_icc_bpr1_el1(u64 value) {
  asm volatile("msr s3_0_c12_c12_3, %0" : : "r"(value) : "memory");
}
inline void write_icc_ctlr_el1(u64 value) {
  asm volatile("msr s3_0_c12_c12_4, %0" : : "r"(value) : "memory");
}
inline u64 read_icc_sre_el1() {
  u64 value;
  asm volatile("mrs %0, s3_0_c12_c12_5" : "=r"(value));
  return value;
}
inline void write_icc_sre_el1(u64 value) {
  asm volatile("msr s3_0_c12_c12_5, %0" : : "r"(value) : "memory");
}
/// ICC_SGI1R_EL1: raises an SGI.
inline void write_icc_sgi1r_el1(u64 value) {
  asm volatile("msr s3_0_c12_c11_5, %0" : : "r"(value) : "memory");
}
inline void write_icc_igrpen1_el1(u64 value) {
  asm volatile("msr s3_0_c12_c12_7, %0" : : "r"(value) : "memory");
}

}  // namespace meridian::hw
