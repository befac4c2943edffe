// SPDX-License-Identifier: MIT
/// What a mapping permits and how the memory behaves, in words that belong to no architecture. Each
/// format translates them into descriptor bits once, and back once.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

enum class MemoryType : u8 {
  normal,           // cached, write-back
  normal_uncached,  // memory that a device shares without snooping
  device,           // registers: no gathering, no reordering, early write acknowledgement
  device_strict,    // registers: nor early write acknowledgement
};

/// The rights of one mapping. `user` says which side it is for: a user mapping's `execute` is EL0's
/// (the kernel never executes it), a kernel mapping's is the kernel's (EL0 reaches it in no way).
/// (One aligned word, so that it is passed and copied as one.)
struct alignas(8) Attributes {
  MemoryType type = MemoryType::normal;
  bool user = false;
  bool write = false;
  bool execute = false;
  bool global = true;    // the same in every address space (kernel), or tagged with the ASID (user)
  bool accessed = true;  // false: the first access faults (Arm: the access flag)
  bool contiguous = false;  // one of an aligned group the TLB may hold as one entry

  friend constexpr bool operator==(const Attributes&, const Attributes&) = default;
};

inline constexpr Attributes kKernelText{.execute = true};
inline constexpr Attributes kKernelRodata{};
inline constexpr Attributes kKernelData{.write = true};
inline constexpr Attributes kDeviceRegisters{.type = MemoryType::device, .write = true};
inline constexpr Attributes kUserText{.user = true, .execute = true, .global = false};
inline constexpr Attributes kUserRodata{.user = true, .global = false};
inline constexpr Attributes kUserData{.user = true, .write = true, .global = false};

/// W^X: nothing may be both.
constexpr bool violates_wx(const Attributes& a) { return a.write && a.execute; }

}  // namespace meridian
