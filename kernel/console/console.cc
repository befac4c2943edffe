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
  const u32 me = static_cast<u32>(arch::cpu_index());
  if (writer_.load(std::memory_order_relaxed) == me || broken_.load(std::memory_order_relaxed))
    return send(text);
  SpinGuard guard(output_);
  writer_.store(me, std::memory_order_relaxed);
  send(text);
  writer_.store(kNobody, std::memory_order_relaxed);
}

bool Console::take(Keys& keys, char& c) {
  if (keys.count() == 0) return false;
  c = keys.ring[keys.consumed++ % kRingSize];
  if (keys.held && keys.count() <= kRingSize / 2) {
    keys.held = false;
    device_->release_input();
  }
  return true;
}

void Console::receive() {
  keys_.with([this](Keys& keys) {
    for (char c; keys.count() != kRingSize && device_->receive(c);)
      keys.ring[keys.produced++ % kRingSize] = c;
    if (keys.count() != kRingSize) return;
    keys.held = true;
    device_->hold_input();
  });
  if (sink_.load(std::memory_order_acquire) != nullptr)
    drain();
  else
    typed_.wake_one();
}

void Console::send_keys_to(KeySink* sink) {
  sink_.store(sink, std::memory_order_release);
  if (sink != nullptr) drain();
}

/// The sink may echo, so it is called without the keys' lock. (Two CPUs that drain at once may swap
/// two keys; only one of them has the device's interrupt.)
void Console::drain() {
  KeySink* const sink = sink_.load(std::memory_order_acquire);
  for (char c; sink != nullptr && keys_.with([&](Keys& keys) { return take(keys, c); });)
    sink->take(static_cast<u8>(c));
}

Result<void> Console::use_receive_interrupt(u32 intid) {
  TRY(device_->enable_receive_interrupt(intid));
  interrupts_ = true;
  return {};
}

bool Console::try_read(char& c) {
  if (!interrupts_) return device_ != nullptr && device_->receive(c);
  return keys_.with([&](Keys& keys) { return take(keys, c); });
}

char Console::read() {
  char c;
  if (interrupts_) {
    typed_.wait(keys_, [&](Keys& keys) { return take(keys, c); }).value();
    return c;
  }
  while (!try_read(c)) arch::relax();
  return c;
}

}  // namespace meridian
