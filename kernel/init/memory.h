// SPDX-License-Identifier: MIT
/// What the stages that bring memory up have in common.
#pragma once

#include "kernel/init/stages.h"

namespace meridian {

/// With less RAM, some stage of boot or the first program finds no memory.
inline constexpr u64 kLeastRam = 16_MiB;

u64 bytes_of_ram(const MemoryMap& memory);

/// Keeps `range` from being given out; a boot that cannot is over, since somebody needs what is
/// there.
void reserve(MemoryMap& memory, PhysRange range, std::string_view name);

/// Ends a boot that has too little RAM.
[[noreturn]] void stop_for_memory(const System& system, Error error);

/// Chooses where the frame table goes, once the linear map is planned. Where its layout has a
/// region for it, there; else in the linear map, in one piece that is set apart, like mem_map on
/// i386. RAM that it cannot describe is left out, which is said.
TablePlace place_frame_table(MemoryMap& memory);

}  // namespace meridian
