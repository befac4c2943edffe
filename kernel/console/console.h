// SPDX-License-Identifier: MIT
/// The console: where the kernel writes, and where a person's keys arrive. Output is polled, so
/// that it works in every state of the machine; input comes by interrupt into a ring, or is polled
/// until then.
#pragma once

#include <array>
#include <atomic>
#include <string_view>
#include <utility>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "kernel/sync/wait_queue.h"

namespace meridian {

/// What the console needs of a device.
class ConsoleDevice {
 public:
  /// Waits for room and sends.
  virtual void send(char c) = 0;
  /// Takes a received character, if there is one.
  virtual bool receive(char& c) = 0;
  /// From now on interrupt `intid` is handled by calling Console::receive().
  virtual Result<void> enable_receive_interrupt(u32 intid) = 0;
  /// Keeps what comes in, as far as it can, and the interrupt away, until release_input().
  virtual void hold_input() = 0;
  virtual void release_input() = 0;

 protected:
  ~ConsoleDevice() = default;
};

/// Who takes keys as they come, instead of read().
class KeySink {
 public:
  /// Any context.
  virtual void take(u8 key) = 0;

 protected:
  ~KeySink() = default;
};

class Console final : public Writer {
 public:
  constexpr Console() = default;

  /// Writes go to `device` from now on; until then they are lost. Returns the device before.
  ConsoleDevice* attach(ConsoleDevice& device) { return std::exchange(device_, &device); }

  /// One call's text comes out in one piece. A new line also returns the carriage. A CPU that is
  /// already writing (a fault inside) writes at once, whatever the lock says.
  void write(std::string_view text) override;
  /// For a panic: nobody who holds the lock will let it go.
  void break_lock() { broken_.store(true, std::memory_order_relaxed); }

  /// Moves what the device has received into the ring; what does not fit stays in the device until
  /// there is room. Called by the device's interrupt handler.
  void receive();
  /// Interrupt `intid` delivers input from now on; on an error input stays polled.
  Result<void> use_receive_interrupt(u32 intid);

  /// Keys go to `sink` from now on, those that nobody has read yet first; nullptr: to read() again.
  void send_keys_to(KeySink* sink);

  /// The next key; the thread sleeps until there is one.
  char read();
  /// The next key if there is one.
  bool try_read(char& c);

 private:
  static constexpr u32 kRingSize = 256;  // a power of two
  static constexpr u32 kNobody = ~u32{0};

  void send(std::string_view text);

  ConsoleDevice* device_ = nullptr;
  bool interrupts_ = false;

  Spinlock output_;
  std::atomic<u32> writer_{kNobody};  // the CPU that holds output_
  std::atomic<bool> broken_{false};

  struct Keys {
    std::array<char, kRingSize> ring{};
    u32 produced = 0, consumed = 0;  // they only grow
    bool held = false;               // the device keeps what it receives

    u32 count() const { return produced - consumed; }
  };
  bool take(Keys& keys, char& c);
  void drain();

  Locked<Keys> keys_;
  WaitQueue typed_;
  std::atomic<KeySink*> sink_{nullptr};
};

/// The machine's one console.
Console& console();

}  // namespace meridian
