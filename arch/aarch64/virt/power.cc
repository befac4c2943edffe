// SPDX-License-Identifier: MIT
/// How a run ends. QEMU's semihosting takes an exit status; PSCI (Arm DEN 0022) only powers off.
#include <arch/machine.h>

#include "arch/aarch64/virt/semihosting.h"
#include "kernel/devicetree/machine.h"

namespace meridian::arch {
namespace {

constexpr u64 kSystemOff = 0x8400'0008;

constinit MachineDescription::Psci conduit = MachineDescription::Psci::none;

extern "C" {
u64 psci_hvc(u64 function, u64 a, u64 b, u64 c);
u64 psci_smc(u64 function, u64 a, u64 b, u64 c);
}

/// A status that does not fit the byte that a process gives its parent must not become 0.
u64 exit_status(int status) { return 0 <= status && status <= 255 ? static_cast<u64>(status) : 1; }

}  // namespace

void start_firmware(const MachineDescription& machine) { conduit = machine.psci; }

void power_off(int status) {
  hw::mask_all();
  const u64 block[2] = {kSemihostingStoppedByApplication, exit_status(status)};
  semihosting_call(kSemihostingExitExtended, reinterpret_cast<u64>(block));

  switch (conduit) {
    case MachineDescription::Psci::hvc:
      psci_hvc(kSystemOff, 0, 0, 0);
      break;
    case MachineDescription::Psci::smc:
      psci_smc(kSystemOff, 0, 0, 0);
      break;
    case MachineDescription::Psci::none:
      break;
  }
  for (;;) hw::wfi();  // nothing can switch this machine off
}

}  // namespace meridian::arch
