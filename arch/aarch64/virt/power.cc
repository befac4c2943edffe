// SPDX-License-Identifier: MIT
/// How a run ends, and how a CPU starts. QEMU's semihosting takes an exit status; PSCI only powers
/// off.
#include <arch/machine.h>

#include "arch/aarch64/virt/psci.h"
#include "arch/aarch64/virt/semihosting.h"
#include "kernel/devicetree/machine.h"

namespace meridian::arch {
namespace {

constexpr u64 kSystemOff = 0x8400'0008;
constexpr u64 kCpuOn = 0xc400'0003;  // with 64-bit arguments

constinit MachineDescription::Psci conduit = MachineDescription::Psci::none;

extern "C" {
u64 psci_hvc(u64 function, u64 a, u64 b, u64 c);
u64 psci_smc(u64 function, u64 a, u64 b, u64 c);
}

/// Only with a conduit.
u64 psci(u64 function, u64 a, u64 b, u64 c) {
  const bool is_hvc = conduit == MachineDescription::Psci::hvc;
  return is_hvc ? psci_hvc(function, a, b, c) : psci_smc(function, a, b, c);
}

/// A status that does not fit the byte that a process gives its parent must not become 0.
u64 exit_status(int status) { return 0 <= status && status <= 255 ? static_cast<u64>(status) : 1; }

}  // namespace

void start_firmware(const MachineDescription& machine) { conduit = machine.psci; }

Result<void> psci_cpu_on(u64 affinity, PhysAddr entry, u64 context) {
  if (conduit == MachineDescription::Psci::none) return Error{Errc::unsupported};
  const u64 answer = psci(kCpuOn, affinity, entry.value(), context);
  if (answer != 0) return Error{Errc::failed, ~answer + 1};
  return {};
}

void power_off(int status) {
  hw::mask_all();
  const u64 block[2] = {kSemihostingStoppedByApplication, exit_status(status)};
  semihosting_call(kSemihostingExitExtended, reinterpret_cast<u64>(block));

  if (conduit != MachineDescription::Psci::none) psci(kSystemOff, 0, 0, 0);
  for (;;) hw::wfi();  // nothing can switch this machine off
}

}  // namespace meridian::arch
