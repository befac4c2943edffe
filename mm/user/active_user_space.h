// SPDX-License-Identifier: MIT
/// Which space a CPU translates the user half with.
#pragma once

#include "mm/user/user_space.h"

namespace meridian {

/// While it lives, this CPU uses `space`; before and after, what it used.
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

/// This CPU's, or null.
UserSpace* active_user_space();

}  // namespace meridian
