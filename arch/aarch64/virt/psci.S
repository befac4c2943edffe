/* SPDX-License-Identifier: MIT */
#include "arch/aarch64/asm.h"

        .text

/*
 * psci_hvc, psci_smc: x0 the function, x1 to x3 its arguments; x0 becomes its result. The two ways to
 * reach the firmware; the device tree says which one this machine has. (SMC Calling Convention, Arm
 * DEN 0028: x4 to x17 may be lost, as in any call.)
 */
FUNCTION psci_hvc
        hvc     #0
        ret
END psci_hvc

FUNCTION psci_smc
        smc     #0
        ret
END psci_smc
