// SPDX-License-Identifier: MIT
/// Where a program's parts go in the user half, as on Linux: the image where its file says (or,
/// position independent, at two thirds), the heap behind it, mappings from below the stack
/// downwards, the stack at the top. Derived from the layout's user region; nothing here is mapped
/// by itself.
#pragma once

#include "mm/layout/layout.h"
#include "mm/range.h"

namespace meridian {

struct UserLayout {
  UserAddr lowest;    // below it nothing is ever mapped, so that a null pointer faults
  UserAddr image;     // load address of a position independent program
  UserAddr mmap_top;  // mappings grow down from here
  UserRange sigreturn;  // the page that signal handlers return to
  UserRange stack;    // mapped at the start; the pages around it never are
  UserAddr end;       // of the half
};

inline UserLayout user_layout() {
  constexpr u64 kStackSize = 256_KiB, kStackRoom = 128_MiB;
  const u64 end = current_layout().user_end();
  const u64 stack_top = end - kPageSize;
  return {
      .lowest = UserAddr(64_KiB),
      .image = UserAddr(align_down(end / 3 * 2, 2_MiB)),
      .mmap_top = UserAddr(stack_top - kStackRoom - kPageSize),
      .sigreturn = UserRange(UserAddr(stack_top - kStackRoom - kPageSize), kPageSize),
      .stack = UserRange(UserAddr(stack_top - kStackSize), kStackSize),
      .end = UserAddr(end),
  };
}

}  // namespace meridian
