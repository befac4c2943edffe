// SPDX-License-Identifier: MIT
/// What this kernel wants to know of the machine, out of the device tree in one pass.
#pragma once

#include <string_view>

#include "kernel/devicetree/fdt.h"
#include "kernel/lib/fixed_vector.h"
#include "mm/range.h"

namespace meridian {

/// A range of RAM that is not ours to use, and who says so (text inside the tree, or a literal).
struct ReservedMemory {
  PhysRange range;
  std::string_view name;
};

struct MachineDescription {
  static constexpr usize kMaxBanks = 32;
  static constexpr usize kMaxReserved = 32;
  static constexpr usize kMaxCpus = 64;  // more are counted, not listed
  static constexpr usize kMaxRedistributors = 4;

  struct Uart {
    PhysRange registers;
    u32 interrupt = 0;
  };
  struct Gic {
    unsigned version = 0;  // 2 or 3; 0 if there is none that this kernel knows
    PhysRange distributor;
    PhysRange cpu_interface;                                    // version 2
    FixedVector<PhysRange, kMaxRedistributors> redistributors;  // version 3
  };
  /// Interrupt numbers of the generic timer, 0 if the tree gives none.
  struct Timer {
    u32 secure_physical = 0, physical = 0, virt = 0, hypervisor = 0;
  };
  enum class Psci : u8 { none, hvc, smc };

  FixedVector<PhysRange, kMaxBanks> memory;
  FixedVector<ReservedMemory, kMaxReserved> reserved;
  PhysRange initrd;  // empty if there is none
  std::string_view bootargs, stdout_path;
  bool bootargs_unterminated = false;  // and so not in `bootargs`
  u64 kaslr_seed = 0;
  Uart uart;
  Gic gic;
  Timer timer;
  PhysRange real_time_clock;  // a PL031's registers; empty if there is none
  Psci psci = Psci::none;
  FixedVector<u64, kMaxCpus> cpus;  // MPIDR affinities, in the tree's order
  usize cpu_count = 0;
};

/// Fills `machine` (which must be fresh) from `fdt`; its texts point into the tree. What the kernel
/// cannot run without must be there and sane: memory. Errc::not_found if there is none, else the
/// first error met, with its offset in the tree; Errc::too_large if a list is longer than this
/// kernel takes.
Result<void> describe_machine(const Fdt& fdt, MachineDescription& machine);

}  // namespace meridian
