// SPDX-License-Identifier: MIT
/// Where the machine enters the kernel: what the architecture calls up, and what boot hands over.
/// It calls nothing else above it.
#pragma once

#include "kernel/lib/types.h"
#include "mm/frame.h"
#include "mm/layout/all.h"
#include "mm/range.h"

namespace meridian {

namespace arch {
struct TrapFrame;
struct Fault;
}  // namespace arch

/// What boot found and made before the kernel ran high. Addresses only: it is filled while the
/// image still runs at its physical address.
struct BootInfo {
  unsigned entry_level = 0;  // the exception level we were entered at

  LayoutId layout{};  // what everything below is placed by

  PhysRange image_phys;  // all of the image, with bss and boot stack
  VirtAddr image;        // where it runs

  PhysRange tree_phys;  // the device tree as its header gives its size
  VirtAddr tree;        // read-only, in the fixmap

  PhysAddr uart_phys;         // the PL011's registers
  VirtAddr uart;              // mapped in the fixmap
  bool uart_in_tree = false;  // false: the tree has none, and this is QEMU virt's (the last resort)

  Frame kernel_root;  // TTBR1's
  Frame empty_root;   // for TTBR0 when no program runs: maps nothing, ever

  FrameRange table_pool;  // frames in the image for the first tables
  u64 tables_used = 0;    // so many of them, from the first on
};

/// The kernel, from the moment it runs high: identity map gone, interrupts masked, on the boot
/// stack.
[[noreturn]] void kernel_main(const BootInfo& boot);

/// Another CPU, from the moment it runs high: as kernel_main(), on the stack and as the thread that
/// arch::start_cpu() was given.
[[noreturn]] void secondary_main();

// The exceptions (arch/aarch64/trap). Each is called with interrupts masked, on the kernel stack,
// and may unmask them; what it leaves in the frame is what the interrupted code goes on with. But the
// first two return with everything masked (arch::mask_exceptions()); and if they have changed registers
// that functions keep, x19 to x28, they leave for EL0 themselves (arch::go_to_user()), since nobody
// loads these when they return.

/// A system call from EL0: the Linux number in x8, arguments in x0 to x5; the result goes to x0. (The
/// vector calls it, with nothing in between.)
extern "C" void handle_syscall(arch::TrapFrame& frame);

/// Anything else that a program did. Does not return if that ends it.
void handle_user_fault(arch::TrapFrame& frame);

/// An interrupt came while a program ran, which goes on with `frame`; interrupts are masked when it
/// returns, too. It may not return: a signal may end the program.
void before_user(arch::TrapFrame& frame);

/// A copy to or from a program failed. True if there is memory at the address now, and the access
/// shall be tried again.
bool handle_kernel_fault(arch::TrapFrame& frame, const arch::Fault& fault);

/// An interrupt has been dealt with. Before the interrupted code goes on, another thread may run.
/// It does not unmask interrupts itself.
void after_interrupt();

/// An exception that the kernel cannot survive. `what` says which in a few words.
[[noreturn]] void handle_fatal_fault(const arch::TrapFrame& frame, const arch::Fault& fault,
                                     const char* what);

}  // namespace meridian
