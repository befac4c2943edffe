// SPDX-License-Identifier: MIT
#include "kernel/console/console.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "kernel/lib/format.h"

namespace meridian {
namespace {

/// A terminal at the end of a wire.
class FakeDevice final : public ConsoleDevice {
 public:
  void send(char c) override { sent += c; }
  bool receive(char& c) override {
    if (typed.empty()) return false;
    c = typed.front();
    typed.pop_front();
    return true;
  }
  Result<void> enable_receive_interrupt(u32 intid) override {
    if (!has_interrupt) return Error{Errc::unsupported, intid};
    enabled = intid;
    return {};
  }
  void type(std::string_view keys) { typed.insert(typed.end(), keys.begin(), keys.end()); }

  std::string sent;
  std::deque<char> typed;
  bool has_interrupt = true;
  u32 enabled = 0;
};

std::string read_all(Console& console) {
  std::string keys;
  for (char c; console.try_read(c);) keys += c;
  return keys;
}

/// Text before there is a device is lost, not an error.
TEST(Console, WritingWithoutADeviceIsHarmless) {
  Console console;
  console.write("nobody hears this");
  char c;
  EXPECT_FALSE(console.try_read(c));
}

TEST(Console, ANewLineReturnsTheCarriage) {
  Console console;
  FakeDevice device;
  console.attach(device);
  print(console, "one {}\n{}\n", 1, "two");
  EXPECT_EQ(device.sent, "one 1\r\ntwo\r\n");
}

TEST(Console, WithoutAnInterruptKeysArePolled) {
  Console console;
  FakeDevice device;
  device.has_interrupt = false;
  console.attach(device);
  EXPECT_FALSE(console.use_receive_interrupt(33).has_value());
  device.type("abc");
  EXPECT_EQ(console.read(), 'a');
  EXPECT_EQ(read_all(console), "bc");
}

TEST(Console, KeysArriveByInterruptInOrder) {
  Console console;
  FakeDevice device;
  console.attach(device);
  ASSERT_TRUE(console.use_receive_interrupt(33).has_value());
  EXPECT_EQ(device.enabled, 33u);
  device.type("abc");
  EXPECT_EQ(read_all(console), "") << "nothing before the interrupt";
  console.receive();
  device.type("d");
  console.receive();
  EXPECT_EQ(read_all(console), "abcd");
}

/// Someone types (or pastes) while nobody reads: what fits is kept, the rest is lost, nothing is
/// mixed up, and the device is emptied, for else its interrupt would never end.
TEST(Console, AFullRingLosesTheNewestKeys) {
  Console console;
  FakeDevice device;
  console.attach(device);
  ASSERT_TRUE(console.use_receive_interrupt(33).has_value());
  for (int round = 0; round < 3; ++round) {
    const std::string keys(256, static_cast<char>('a' + round));
    device.type(keys + "lost");
    console.receive();
    EXPECT_TRUE(device.typed.empty());
    EXPECT_EQ(read_all(console), keys);
  }
}

/// A fault in the middle of a write prints its report through the same console.
TEST(Console, APanicWritesWhoeverHoldsTheLock) {
  struct Nested final : ConsoleDevice {
    Console* console = nullptr;
    std::string sent;
    void send(char c) override {
      sent += c;
      if (c == 'x') console->write("[fault]");
    }
    bool receive(char&) override { return false; }
    Result<void> enable_receive_interrupt(u32) override { return {}; }
  };
  Console console;
  Nested device;
  device.console = &console;
  console.attach(device);
  console.write("axb");
  EXPECT_EQ(device.sent, "ax[fault]b");
}

}  // namespace
}  // namespace meridian
