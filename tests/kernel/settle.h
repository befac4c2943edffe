// SPDX-License-Identifier: MIT
/// For tests that count what programs leave behind.
#pragma once

#include "kernel/lib/format.h"

namespace meridian {

/// What somebody holds: frames of programs and of the kernel, and the slabs' objects. Left out is what stays with
/// the kernel once it was needed, and is no leak: tables that its half has linked (kernel_tables.h), the records of
/// vmalloc's blocks, memory behind the frame table, and the slabs' own frames, which objects share.
struct Holdings {
  u64 frames = 0, objects = 0;

  friend bool operator==(const Holdings&, const Holdings&) = default;
  friend void format_value(Writer& out, const Holdings& held, const FormatSpec&) {
    print(out, "{} frames, {} objects", held.frames, held.objects);
  }
};

/// Waits until no process is left and nothing waits to be freed; then counts.
Holdings settled_holdings();

}  // namespace meridian
