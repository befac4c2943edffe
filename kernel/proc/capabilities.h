// SPDX-License-Identifier: MIT
/// What root may do, in parts that a program can give up (capabilities(7)). One of them has an effect here:
/// CAP_IPC_LOCK, without which RLIMIT_MEMLOCK binds.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

struct Capabilities {
  static constexpr u64 kAll = 0x01ff'ffff'ffff;  // 41 of them
  static constexpr unsigned kSetCapabilities = 8, kLockMemory = 14;

  u64 effective = kAll, permitted = kAll, inheritable = 0;

  constexpr bool has(unsigned number) const { return (effective >> number & 1) != 0; }
};

}  // namespace meridian
