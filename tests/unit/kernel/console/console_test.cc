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
  void hold_input() override { held = true; }
  void release_input() override { held = false; }
  void type(std::string_view keys) { typed.insert(typed.end(), keys.begin(), keys.end()); }

  std::string sent;
  std::deque<char> typed;
  bool has_interrupt = true;
  u32 enabled = 0;
  bool held = false;
};

std::string read_all(Console& console) {
  std::string keys;
  for (char c; console.try_read(c);) keys += c;
  return keys;
}

/// More keys than there is room for wait in the device, and none is lost.
TEST(Console, AFloodOfKeysWaitsInTheDevice) {
  Console console;
  FakeDevice device;
  console.attach(device);
  ASSERT_TRUE(console.use_receive_interrupt(33).has_value());
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += static_cast<char>('a' + i % 26);
  device.type(flood);
  console.receive();
  EXPECT_TRUE(device.held);
  std::string keys;
  for (char c; console.try_read(c);) {
    keys += c;
    if (!device.held) console.receive();  // the interrupt is still asserted
  }
  EXPECT_EQ(keys, flood);
  EXPECT_FALSE(device.held);
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
    void hold_input() override {}
    void release_input() override {}
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
