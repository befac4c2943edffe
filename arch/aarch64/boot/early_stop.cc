// SPDX-License-Identifier: MIT
/// The end of a boot that cannot go on and has no console yet: one line, then power off with a
/// failure status, or park. The line goes to the device tree's UART. Where there is no tree to ask,
/// it goes to QEMU virt's PL011 if there is one, else to whoever answers semihosting calls. It
/// works with the MMU off, and high.
#include <arch/machine.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/virt/pl011.h"
#include "arch/aarch64/virt/semihosting.h"
#include "kernel/lib/check.h"
#include "mm/image.h"

namespace meridian::arch {
namespace {

/// A line in pieces, to a UART's registers, or (0) to semihosting.
class LastWords {
 public:
  explicit LastWords(u64 uart) : uart_(uart) {}

  void text(const char* text) const {
    if (uart_ == 0) {
      semihosting_call(kSemihostingWrite0, reinterpret_cast<u64>(text));
      return;
    }
    for (; *text != '\0'; ++text) pl011_put(uart_, *text);
  }
  void hex(u64 value) const {
    char digits[] = "0x0000000000000000";
    for (unsigned i = 0; i < 16; ++i) {
      const unsigned digit = value >> (60 - 4 * i) & 0xf;
      digits[2 + i] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + (digit - 10));
    }
    text(digits);
  }

 private:
  u64 uart_;
};

/// Asks the identification registers; a fault on the way means no.
bool answers_as_pl011(u64 uart) {
  return early_probe32(uart + kPl011PeriphId0) == kPl011PeriphId0Value &&
         early_probe32(uart + kPl011CellId0) == kPl011CellId0Value;
}

/// The UART to speak on, as the code that runs now reaches it; 0 if there is none.
u64 find_uart() {
  if (runs_high()) return boot_info.uart.value();
  if (boot_info.uart_in_tree) return boot_info.uart_phys.value();
  return answers_as_pl011(kLastResortUart) ? kLastResortUart : 0;
}

[[noreturn]] void leave() {
  const u64 block[2] = {kSemihostingStoppedByApplication, 1};
  semihosting_call(kSemihostingExitExtended, reinterpret_cast<u64>(block));
  park();
}

}  // namespace

bool runs_high() { return VirtAddr::of(__image_start).value() >> 63 != 0; }

void early_stop(const char* message, u64 about) {
  const LastWords out(find_uart());
  out.text("\r\nMeridian stops: ");
  out.text(message);
  if (about != 0) {
    out.text(" (");
    out.hex(about);
    out.text(")");
  }
  out.text("\r\n");
  leave();
}

/// At EL3 our vectors do not count, so nothing here may fault: the tree, if there is one, or
/// silence.
void early_stop_wrong_level(u64 level, u64 tree) {
  const Result<TreeGlance> glance = glance_at_tree(PhysAddr(tree));
  const bool found = glance.has_value() && glance.value().has_uart;
  const LastWords out(found ? glance.value().uart.value() : kLastResortUart);
  out.text("\r\nMeridian stops: entered at an exception level that is neither EL1 nor EL2 (");
  out.hex(level);
  out.text(")\r\n");
  park();
}

u64 early_recover(u64 esr, u64 elr, u64 far) {
  const auto at = [&](const char* label) { return elr == reinterpret_cast<u64>(label); };
  if (at(early_probe32_access) || at(semihosting_trap)) return elr + 4;
  if (at(el2_gic_access)) return reinterpret_cast<u64>(el2_without_gic);

  const LastWords out(find_uart());
  out.text("\r\nMeridian stops: ");
  out.text(boot_info.tree_phys.is_empty() ? "the device tree cannot be read"
                                          : "exception before its vectors stand");
  out.text(": ESR ");
  out.hex(esr);
  out.text(", ELR ");
  out.hex(elr);
  out.text(", FAR ");
  out.hex(far);
  out.text("\r\n");
  leave();
}

}  // namespace meridian::arch
