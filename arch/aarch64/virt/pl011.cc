// SPDX-License-Identifier: MIT
#include "arch/aarch64/virt/pl011.h"

#include <arch/interrupts.h>
#include <arch/machine.h>

#include "arch/aarch64/hw/mmio.h"
#include "kernel/lib/bits.h"

namespace meridian::arch {
namespace {

using FlagsReceiveEmpty = Bit<4>;
using FlagsTransmitFull = Bit<5>;

using LineControlFifos = Bit<4>;
constexpr u32 kControlOn = Bit<0>::kSet | Bit<8>::kSet | Bit<9>::kSet;  // UART, transmit, receive
constexpr u32 kReceiveInterrupts = Bit<4>::kSet | Bit<6>::kSet;  // FIFO level, and its timeout
constexpr u32 kAllInterrupts = 0x7ff;

void on_interrupt() { console().receive(); }

}  // namespace

constinit Pl011 pl011;

void pl011_put(u64 uart, char c) {
  while (FlagsTransmitFull::is_set(hw::read32(uart + kPl011Flags))) {
  }
  hw::write32(uart + kPl011Data, static_cast<u8>(c));
}

void Pl011::start(VirtAddr registers) {
  registers_ = registers.value();
  hw::write32(registers_ + kPl011InterruptMask, 0);
  hw::write32(registers_ + kPl011InterruptClear, kAllInterrupts);
  const u32 line = hw::read32(registers_ + kPl011LineControl);  // speed and format stay as they are
  hw::write32(registers_ + kPl011LineControl, line | static_cast<u32>(LineControlFifos::kSet));
  hw::write32(registers_ + kPl011Control, kControlOn);
}

void Pl011::send(char c) { pl011_put(registers_, c); }

bool Pl011::receive(char& c) {
  if (FlagsReceiveEmpty::is_set(hw::read32(registers_ + kPl011Flags))) return false;
  c = static_cast<char>(hw::read32(registers_ + kPl011Data));
  return true;
}

Result<void> Pl011::enable_receive_interrupt(u32 intid) {
  TRY(register_irq(intid, on_interrupt));
  release_input();
  return {};
}

void Pl011::hold_input() { hw::write32(registers_ + kPl011InterruptMask, 0); }

/// Both interrupts stay asserted until the FIFO is read empty: what was kept comes at once.
void Pl011::release_input() {
  hw::write32(registers_ + kPl011InterruptMask, kReceiveInterrupts);
}

ConsoleDevice& start_uart(VirtAddr registers) {
  pl011.start(registers);
  return pl011;
}

}  // namespace meridian::arch
