// SPDX-License-Identifier: MIT
/// What the kernel says of its memory, as text in the formats of Linux's files under /proc, so that
/// people's eyes and scripts find what they know. Values that Linux has and this kernel does not
/// are 0, because there is none of it; lines that would need an explanation are left out.
#pragma once

#include "kernel/lib/format.h"

namespace meridian {

void print_meminfo(Writer& out);
void print_zoneinfo(Writer& out);
void print_buddyinfo(Writer& out);
void print_slabinfo(Writer& out);
void print_vmallocinfo(Writer& out);
void print_iomem(Writer& out);

}  // namespace meridian
