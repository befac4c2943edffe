// SPDX-License-Identifier: MIT
/// The constants that assembly and the linker script share with C++. This file is compiled to assembly
/// only; each DEFINE leaves a line there that the build turns into a #define (linker/kernel.mk). One
/// source for each number: nothing here is typed that C++ already knows.
#include <cstddef>

#include <arch/context.h>
#include <arch/trap.h>
#include <arch/user.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/boot/secondary.h"
#include "arch/aarch64/regs/el2.h"
#include "arch/aarch64/regs/sctlr.h"
#include "arch/aarch64/trap/ex_table.h"
#include "kernel/lib/types.h"
#include "mm/layout/arm64.h"
#include "mm/page_size.h"

namespace meridian::arch {
namespace {

#define DEFINE(name, value) asm volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))

[[gnu::used]] void linker_constants() {
  DEFINE(IMAGE_LINK_BASE, kArm64Layout.image_base);
  DEFINE(ELF_LOAD_ADDRESS, 0x4020'0000);  // where a loader of the ELF puts it: QEMU virt's RAM
  DEFINE(IMAGE_ALIGN, 2_MiB);
  DEFINE(IMAGE_FLAGS, 0b1010);  // placed anywhere, 4 KiB pages, little-endian
  DEFINE(IDENTITY_CODE_MAX, 128);
  DEFINE(PAGE_SIZE, kPageSize);
  DEFINE(STACK_SIZE, kKernelStackSize);
}

[[gnu::used]] void boot_constants() {
  DEFINE(MMU_SETUP_MAIR_TCR, offsetof(MmuSetup, mair));
  DEFINE(MMU_SETUP_TTBR0_TTBR1, offsetof(MmuSetup, ttbr0));
  DEFINE(MMU_SETUP_SCTLR_OFFSET, offsetof(MmuSetup, sctlr));
  DEFINE(MMU_SETUP_OFFSET, offsetof(MmuSetup, offset));
  DEFINE(MMU_SETUP_EMPTY_ROOT, offsetof(MmuSetup, empty_root));
  static_assert(offsetof(MmuSetup, tcr) == offsetof(MmuSetup, mair) + 8);
  static_assert(offsetof(MmuSetup, ttbr1) == offsetof(MmuSetup, ttbr0) + 8);
  static_assert(offsetof(MmuSetup, offset) == offsetof(MmuSetup, sctlr) + 8);

  DEFINE(SCTLR_EL1_MMU_OFF, Sctlr::mmu_off().raw());
  DEFINE(CURRENT_EL2, 2u << 2);  // CurrentEL.EL is bits 3 and 2
  DEFINE(HCR_EL2_VALUE, kHcrEl2);
  DEFINE(CNTHCTL_EL2_VALUE, kCnthctlEl2);
  DEFINE(CPTR_EL2_VALUE, kCptrEl2);
  DEFINE(ICC_SRE_EL2_SRE, IccSreEl2::SRE::kSet);
  DEFINE(ICC_SRE_EL2_ENABLE, IccSreEl2::Enable::kSet);
  DEFINE(SPSR_EL1H_MASKED, kSpsrEl1hMasked);
  DEFINE(ID_AA64DFR0_PMUVER_SHIFT, IdDfr0PmuVer::kLow);
  DEFINE(ID_AA64PFR0_GIC_SHIFT, IdPfr0Gic::kLow);
  DEFINE(ID_AA64MMFR0_FGT_SHIFT, IdMmfr0Fgt::kLow);
  DEFINE(ID_AA64MMFR1_HCX_SHIFT, IdMmfr1Hcx::kLow);
  DEFINE(PMCR_EL0_N_SHIFT, PmcrN::kLow);
}

[[gnu::used]] void thread_constants() {
  DEFINE(CONTEXT_CPU, offsetof(ThreadContext, cpu));
  DEFINE(CONTEXT_SP, offsetof(ThreadContext, sp));
  DEFINE(FP_REGISTERS_CONTROL, offsetof(FpRegisters, fpcr));
  static_assert(offsetof(FpRegisters, fpsr) == offsetof(FpRegisters, fpcr) + 8);

  DEFINE(SECONDARY_START_SHIFT, __builtin_ctzll(sizeof(SecondaryStart)));
  DEFINE(SECONDARY_STACK_SHIFT, __builtin_ctzll(kSecondaryStackSize));
  static_assert(is_power_of_two(sizeof(SecondaryStart)) && is_power_of_two(kSecondaryStackSize));
  static_assert(offsetof(SecondaryStart, stack_top) == 0 && offsetof(SecondaryStart, context) == 8);
}

[[gnu::used]] void trap_constants() {
  DEFINE(EX_PLAIN, static_cast<u64>(ExKind::plain));
  DEFINE(EX_USER_COPY, static_cast<u64>(ExKind::user_copy));
  DEFINE(EX_CALL, static_cast<u64>(ExKind::call));
  DEFINE(STACK_OVERFLOW_BIT, __builtin_ctzll(kKernelStackSize));

  DEFINE(TRAP_FRAME_SIZE, sizeof(TrapFrame));
  DEFINE(TRAP_FRAME_X30_SP, offsetof(TrapFrame, x[30]));
  DEFINE(TRAP_FRAME_ELR_SPSR, offsetof(TrapFrame, elr));
  DEFINE(TRAP_FRAME_ESR_FAR, offsetof(TrapFrame, esr));
  DEFINE(TRAP_FRAME_RECORD, offsetof(TrapFrame, record));
  static_assert(offsetof(TrapFrame, x) == 0 && sizeof(TrapFrame) == 38 * sizeof(u64));
  static_assert(offsetof(TrapFrame, sp) == offsetof(TrapFrame, x[30]) + 8);
  static_assert(offsetof(TrapFrame, spsr) == offsetof(TrapFrame, elr) + 8);
  static_assert(offsetof(TrapFrame, far) == offsetof(TrapFrame, esr) + 8);
  DEFINE(FAULT_ESR_FAR, offsetof(Fault, esr));
  static_assert(offsetof(Fault, far) == offsetof(Fault, esr) + 8);
  DEFINE(USER_CONTEXT_KERNEL_SP, offsetof(UserContext, kernel_sp));
  static_assert(offsetof(UserContext, frame) == 0);

  DEFINE(ESR_EC_SHIFT, Esr::EC::kLow);
  static_assert(Esr::EC::kHigh == 31, "a shift alone must leave EC: ISS2 above it is 0 for an SVC");
  DEFINE(ESR_EC_SVC64, static_cast<u64>(ExceptionClass::svc64));
  DEFINE(DAIF_ALL, 0b1111);  // the operand of MSR DAIFSet: D, A, I and F
}

}  // namespace
}  // namespace meridian::arch
