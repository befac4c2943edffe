// SPDX-License-Identifier: MIT
#include "kernel/console/console.h"

#include <arch/cpu.h>
#include <arch/irq.h>

namespace meridian {
namespace {

constinit Console the_console;

}  // namespace

Console& console() { return the_console; }

void Console::send(std::string_view text) {
  for (char c : text) {
    if (c == '\n') device_->send('\r');
    device_->send(c);
  }
}

void Console::write(std::string_view text) {
  if (device_ == nullptr) return;
  arch::IrqGuard irq;
  const u32 me = arch::cpu_index();
  if (writer_.load(std::memory_order_relaxed) == me || broken_.load(std::memory_order_relaxed))
    return send(text);
  SpinGuard guard(output_);
  writer_.store(me, std::memory_order_relaxed);
  send(text);
  writer_.store(kNobody, std::memory_order_relaxed);
}

void Console::receive() {
  char c;
  while (device_->receive(c)) {
    const u32 at = produced_.load(std::memory_order_relaxed);
    if (at - consumed_.load(std::memory_order_acquire) == kRingSize) continue;
    ring_[at % kRingSize] = c;
    produced_.store(at + 1, std::memory_order_release);
  }
}

Result<void> Console::use_receive_interrupt(u32 intid) {
  TRY(device_->enable_receive_interrupt(intid));
  interrupts_ = true;
  return {};
}

bool Console::try_read(char& c) {
  if (!interrupts_) return device_ != nullptr && device_->receive(c);
  const u32 at = consumed_.load(std::memory_order_relaxed);
  if (at == produced_.load(std::memory_order_acquire)) return false;
  c = ring_[at % kRingSize];
  consumed_.store(at + 1, std::memory_order_release);
  return true;
}

char Console::read() {
  char c;
  while (!try_read(c)) {
    // With interrupts masked a key that arrives after the test still ends the sleep.
    arch::IrqGuard irq;
    if (interrupts_ &&
        produced_.load(std::memory_order_acquire) == consumed_.load(std::memory_order_relaxed))
      arch::wait_for_interrupt();
  }
  return c;
}

}  // namespace meridian
