// SPDX-License-Identifier: MIT
/// Which space a thread translates the user half with. It goes with the thread from CPU to CPU.
#pragma once

#include <arch/context.h>

#include "mm/user/user_space.h"

namespace meridian {

/// While it lives, this thread uses `space`; before and after, what it used.
class [[nodiscard]] ActiveUserSpace {
 public:
  explicit ActiveUserSpace(UserSpace& space);
  ~ActiveUserSpace();
  ActiveUserSpace(const ActiveUserSpace&) = delete;
  ActiveUserSpace& operator=(const ActiveUserSpace&) = delete;

 private:
  UserSpace* previous_;
  arch::UserRoot previous_root_;  // if that is no UserSpace
};

/// This thread's, or null.
inline UserSpace* active_user_space() { return arch::current_context().user_space; }

/// From now on the calling thread uses `space`, which lives until that changes again; null: none. (A
/// process's own thread: exec and exit.)
void use_user_space(UserSpace* space);

/// `next` is about to run on CPU `cpu`, the caller's: its half gets a number that is valid now.
/// Interrupts are masked.
void renew_user_half(arch::ThreadContext& next, unsigned cpu);

}  // namespace meridian
