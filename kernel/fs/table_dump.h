// SPDX-License-Identifier: MIT
/// Page tables as text, exactly as Linux's kernel_page_tables prints them on arm64: one line for
/// each run of entries of one level that agree in their attributes, mapped or not, with a heading
/// where a region of the layout begins and ends.
#pragma once

#include "kernel/lib/format.h"
#include "mm/frame.h"
#include "mm/layout/layout.h"
#include "mm/user/user_space.h"

namespace meridian {

/// The kernel half, below TTBR1's root.
void print_kernel_tables(Writer& out);
/// The same for a program that reads it: what is mapped only, one line for each run whose frames
/// follow each other, as "first last PA level entry".
void print_raw_kernel_tables(Writer& out);
/// The user half below `root`, which nobody changes meanwhile; it has no regions to head.
void print_user_tables(Writer& out, Frame root);
/// The same for a program that runs. Errc::out_of_frames (the lines are kept first, then printed).
Result<void> print_user_tables(Writer& out, UserSpace& space);

}  // namespace meridian
