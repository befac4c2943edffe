// SPDX-License-Identifier: MIT
/// The PL011 UART (Arm PrimeCell UART, DDI 0183): its registers, and the polled way to send one
/// character, which works before anything else does. Received characters come by interrupt.
#pragma once

#include "kernel/console/console.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

// Offsets of registers.
inline constexpr u64 kPl011Data = 0x00;
inline constexpr u64 kPl011Flags = 0x18;
inline constexpr u64 kPl011LineControl = 0x2c;
inline constexpr u64 kPl011Control = 0x30;
inline constexpr u64 kPl011InterruptMask = 0x38;
inline constexpr u64 kPl011InterruptClear = 0x44;
inline constexpr u64 kPl011PeriphId0 = 0xfe0;
inline constexpr u64 kPl011CellId0 = 0xff0;

inline constexpr u64 kPl011PeriphId0Value = 0x11;
inline constexpr u64 kPl011CellId0Value = 0x0d;

/// Where QEMU's virt machine has its PL011. Used only when there is no device tree to ask.
inline constexpr u64 kLastResortUart = 0x0900'0000;

/// Sends one character: waits for room first. `uart` is the address of the registers as the caller
/// reaches them.
void pl011_put(u64 uart, char c);

/// The console's device.
class Pl011 final : public ConsoleDevice {
 public:
  constexpr Pl011() = default;
  /// Switches it on, interrupts masked.
  void start(VirtAddr registers);

  void send(char c) override;
  bool receive(char& c) override;
  Result<void> enable_receive_interrupt(u32 intid) override;
  void hold_input() override;
  void release_input() override;

 private:
  u64 registers_ = 0;
};

extern Pl011 pl011;

}  // namespace meridian::arch
