// SPDX-License-Identifier: MIT
/// What /proc tells of a process, as text in Linux's formats (Linux 6.1, fs/proc/).
#pragma once

#include "kernel/lib/format.h"

namespace meridian {

/// A line of maps.
struct ProcMapping {
  u64 start = 0, end = 0;
  bool read = false, write = false, execute = false, shared = false;
  u64 offset = 0;
  u64 device = 0, inode = 0;  // of a file; device as stat(2) packs it
  std::string_view name;      // a path or "[heap]"; empty for other anonymous memory
};

/// What smaps adds to that. In bytes.
struct ProcUsage {
  u64 resident = 0, part = 0, shared = 0, anonymous = 0, locked = 0;
  std::string_view flags;  // "rd wr mr mw me ac "
};

/// A line of limits: soft and hard.
struct ProcLimit {
  static constexpr u64 kNone = ~u64{0};
  u64 soft = kNone, hard = kNone;
};
inline constexpr usize kProcLimits = 16;  // by Linux's numbers (RLIMIT_)

/// What status, stat and statm are made of. Sizes are in bytes, times in ticks of 1/100 s.
struct ProcStatus {
  std::string_view name;
  char state = 'R';  // R S D Z T
  u32 umask = 022;
  u64 thread = 0, process = 0, parent = 0, group = 0, session = 0;
  u64 terminal = 0;         // its device number
  i64 terminal_group = -1;  // in its foreground
  u64 minor_faults = 0, major_faults = 0;
  u64 user_time = 0, system_time = 0, start_time = 0;
  u64 threads = 1, descriptors = 0;
  u64 processor = 0;
  u64 size = 0, peak_size = 0, locked = 0;
  u64 resident = 0, peak_resident = 0;
  u64 resident_anonymous = 0, resident_file = 0, resident_shared = 0;
  u64 data = 0, stack = 0, text = 0, library = 0, tables = 0;
  u64 code_start = 0, code_end = 0, data_start = 0, data_end = 0, heap_start = 0;
  u64 stack_start = 0, arguments_start = 0, arguments_end = 0;
  u64 environment_start = 0, environment_end = 0;
  u64 pending = 0, shared_pending = 0, blocked = 0, ignored = 0, caught = 0;
  u64 queued_signals = 0, most_queued_signals = 0;
  u64 inheritable = 0, capabilities = 0, effective = 0;
  u64 allowed_cpus = 1, cpus = 1;
  u64 voluntary_switches = 0, involuntary_switches = 0;
  u64 exit_code = 0;
};

/// "R (running)" and the like.
std::string_view name_of_state(char state);

void print_maps_line(Writer& out, const ProcMapping& mapping);
/// The lines behind that one in smaps. What is written stays in memory, so all of it is dirty.
void print_usage(Writer& out, const ProcMapping& mapping, const ProcUsage& usage);
void print_limits(Writer& out, std::span<const ProcLimit, kProcLimits> limits);
void print_status(Writer& out, const ProcStatus& process);
void print_stat(Writer& out, const ProcStatus& process);
void print_statm(Writer& out, const ProcStatus& process);

}  // namespace meridian
