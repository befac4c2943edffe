// SPDX-License-Identifier: MIT
/// What boot has learnt of the machine and of what is asked of us. Written by the stages of boot,
/// in order; constant once the shell runs.
#pragma once

#include <span>

#include "kernel/devicetree/machine.h"
#include "kernel/entry.h"
#include "kernel/init/command_line.h"
#include "mm/frames/early_frames.h"
#include "mm/frames/frame_table.h"

namespace meridian {

/// The addresses of the frame table, and what puts memory behind them (null: it is there).
struct TablePlace {
  VirtRange range;
  TableBacking* backing = nullptr;
};

struct System {
  BootInfo boot;
  MachineDescription machine;
  CommandLine options;
  MemoryMap memory;
  EarlyFrames early_frames;  // what gives frames until start_allocators()
  TablePlace frame_table;
  std::span<const std::byte> initramfs;  // empty if there is none, or it cannot be reached
};

/// The one that boot filled.
const System& the_system();

}  // namespace meridian
