// SPDX-License-Identifier: MIT
/// <arch/context.h> on the host: what mm/user knows of a thread.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {
class UserSpace;
}

namespace meridian::arch {

struct ThreadContext {
  u32 cpu = 0;
  u64 ttbr0 = 0;
  UserSpace* user_space = nullptr;
};

inline thread_local ThreadContext fake_context;
inline ThreadContext& current_context() { return fake_context; }

}  // namespace meridian::arch
