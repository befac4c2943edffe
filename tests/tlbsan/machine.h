// SPDX-License-Identifier: MIT
/// What the model needs of QEMU and its plugin interface does not give: registers and physical
/// memory. Both are found in the running QEMU, and what is not found as expected ends the run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tlbsan {

/// Prints the reason and ends QEMU with a failure: a sanitizer that cannot see must not say
/// "clean".
[[noreturn]] void refuse(const char* reason);

class Machine {
 public:
  /// Finds what it calls in this QEMU.
  Machine();

  /// QEMU's own loader enters a kernel with known registers: X1 to X3 are zero, X4 is the entry,
  /// all others but X0 are still zero. That many words, followed by PC and a PSTATE at EL1 or EL2,
  /// stand in one place of the CPU's state only; it is the register file. True once `pc` was such
  /// an entry; refuses if there is none by then, or more than one.
  bool calibrate(unsigned cpu, uint64_t pc);
  bool is_calibrated() const { return offset_ != 0; }

  // Of a CPU between two blocks of instructions, asked from its own thread.
  uint64_t x(unsigned cpu, unsigned number) const;
  uint64_t pc(unsigned cpu) const;
  uint32_t pstate(unsigned cpu) const;

  /// Do several CPUs take turns (icount, thread=single), or do they run side by side?
  bool cpus_take_turns() const { return !*run_side_by_side_; }
  /// Where they do, the next one goes on after this block. Left alone, QEMU 7.2 under icount gives
  /// all time up to the next timer to the first CPU that is busy: one that waits there for another
  /// CPU waits for ever.
  void end_turn(unsigned cpu) const { exit_(get_cpu_(static_cast<int>(cpu))); }

  void read_physical(uint64_t pa, void* to, size_t size) const;

 private:
  const unsigned char* state_of(unsigned cpu) const;

  void* (*get_cpu_)(int);
  void (*exit_)(void* cpu);
  void (*read_write_)(uint64_t pa, void* to, uint64_t size, bool is_write);
  const bool* run_side_by_side_;
  size_t offset_ = 0;  // of X0 in a CPU's state
  bool entered_ = false;
};

}  // namespace tlbsan
