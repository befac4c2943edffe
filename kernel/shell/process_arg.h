// SPDX-License-Identifier: MIT
/// A process as a command's argument: its number.
#pragma once

#include "kernel/proc/process_table.h"
#include "kernel/shell/args.h"

namespace meridian {

/// The process that the next word names. Refuses numbers of none, and of one that has ended.
inline Result<Ref<Process>> process_argument(Args& args) {
  const u64 pid = TRY(args.number("PID", ProcessTable::kMostPids));
  Ref<Process> process = find_process(static_cast<u32>(pid));
  if (!process) return args.refuse("is no process that runs");
  return process;
}

/// And its memory.
inline Result<Ref<UserSpace>> space_argument(Args& args) {
  Ref<UserSpace> space = TRY(process_argument(args))->share_space();
  if (!space) return args.refuse("is about to end: its memory is gone");
  return space;
}

}  // namespace meridian
