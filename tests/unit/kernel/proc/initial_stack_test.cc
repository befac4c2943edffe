// SPDX-License-Identifier: MIT
/// What a program finds on its stack, read back as a C library's start-up code does.
#include "kernel/proc/initial_stack.h"

#include <gtest/gtest.h>

#include <map>

#include "el0_oracle.h"
#include "fake_ram.h"
#include "mm/slab/kmalloc.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr u64 kMost = 64_KiB;
constexpr UserRange kStack{UserAddr(0x7000'0000), 64 * kPageSize};

struct Seen {
  std::vector<std::string> arguments, environment;
  std::map<u64, u64> aux;
  u64 aux_repeats = 0;
};

ExecStrings strings_of(const std::vector<std::string_view>& arguments,
                       const std::vector<std::string_view>& environment = {}) {
  ExecStrings strings;
  for (const std::string_view text : arguments) EXPECT_TRUE(strings.add_argument(text));
  for (const std::string_view text : environment) EXPECT_TRUE(strings.add_variable(text));
  return strings;
}

class InitialStackTest : public testing::Test {
 protected:
  InitialStackTest()
      : ram(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 64_MiB}}),
        owned(UserSpace::create().take()),
        space(*owned) {
    UserSpace::Request stack{.address = kStack.start(), .size = kStack.size(), .traits = {}};
    stack.place = UserSpace::Place::fixed;
    stack.traits.protection = {.read = true, .write = true};
    EXPECT_TRUE(space.map(stack));
  }
  ~InitialStackTest() override {
    owned.reset();
    close_kmalloc();
  }

  u8 byte(u64 va) {
    const auto view = el0_view(space.root().address().value(), va);
    EXPECT_TRUE(view && view->read) << "a pointer that leads nowhere: " << va;
    return view ? *linear_map.pointer<u8>(PhysAddr(view->pa)) : u8{0};
  }
  u64 word(u64 va) {
    u64 value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | byte(va + static_cast<u64>(i));
    return value;
  }
  std::string text(u64 va) {
    std::string out;
    for (u8 c = byte(va); c != 0; c = byte(++va)) out += static_cast<char>(c);
    return out;
  }
  Seen read(u64 sp) {
    Seen seen;
    u64 at = sp;
    const u64 count = word(at);
    for (u64 i = 0; i < count; ++i) seen.arguments.push_back(text(word(at += 8)));
    EXPECT_EQ(word(at += 8), 0u) << "argv ends";
    while (word(at += 8) != 0) seen.environment.push_back(text(word(at)));
    for (at += 8; word(at) != 0; at += 16)
      seen.aux_repeats += !seen.aux.emplace(word(at), word(at + 8)).second;
    return seen;
  }

  FakeMachine ram;
  Ref<UserSpace> owned;
  UserSpace& space;
};

TEST_F(InitialStackTest, HoldsArgumentsEnvironmentAndTheAuxiliaryVector) {
  const ExecStrings strings = strings_of({"hello", "one", "", "three words here"}, {"A=1", "HOME=/"});
  const StartInfo info{.name = "/bin/hello",
                       .strings = strings,
                       .entry = UserAddr(0x40'0100),
                       .headers = UserAddr(0x40'0040),
                       .header_count = 6,
                       .random = {0x1122'3344'5566'7788, 0x99aa'bbcc'ddee'ff00}};
  const InitialStack stack = build_initial_stack(space, kStack, kMost, info).value();
  const u64 sp = stack.pointer.value();
  EXPECT_EQ(sp % 16, 0u);
  EXPECT_LT(sp, kStack.end().value());

  Seen seen = read(sp);
  EXPECT_EQ(seen.arguments, (std::vector<std::string>{"hello", "one", "", "three words here"}));
  EXPECT_EQ(seen.environment, (std::vector<std::string>{"A=1", "HOME=/"}));
  EXPECT_EQ(seen.aux_repeats, 0u);
  EXPECT_EQ(seen.aux[3], 0x40'0040u);  // AT_PHDR
  EXPECT_EQ(seen.aux[4], 56u);         // AT_PHENT
  EXPECT_EQ(seen.aux[5], 6u);          // AT_PHNUM
  EXPECT_EQ(seen.aux[6], 4096u);       // AT_PAGESZ
  EXPECT_EQ(seen.aux[9], 0x40'0100u);  // AT_ENTRY
  EXPECT_EQ(seen.aux[16] & 1 << 11, 0u) << "CPUID: ID registers are not emulated";
  EXPECT_EQ(seen.aux[23], 0u);  // AT_SECURE
  for (const u64 id : {11, 12, 13, 14}) EXPECT_TRUE(seen.aux.contains(id));
  EXPECT_EQ(word(seen.aux[25]), 0x1122'3344'5566'7788u);  // AT_RANDOM
  EXPECT_EQ(word(seen.aux[25] + 8), 0x99aa'bbcc'ddee'ff00u);
  EXPECT_EQ(text(seen.aux[31]), "/bin/hello");  // AT_EXECFN
  EXPECT_EQ(text(seen.aux[15]), "aarch64");     // AT_PLATFORM
}

/// What /proc/PID/cmdline, environ and auxv show lies where it says.
TEST_F(InitialStackTest, SaysWhereThingsCameToLie) {
  const ExecStrings strings = strings_of({"a", "bc"}, {"D=e"});
  const StartInfo info{.name = "x", .strings = strings, .entry = {}, .headers = {}};
  const InitialStack stack = build_initial_stack(space, kStack, kMost, info).value();
  EXPECT_EQ(stack.arguments.size(), 5u);  // "a", "bc" and their NULs
  EXPECT_EQ(text(stack.arguments.start().value()), "a");
  EXPECT_EQ(text(stack.arguments.start().value() + 2), "bc");
  EXPECT_EQ(stack.environment, UserRange(stack.arguments.end(), 4));
  EXPECT_EQ(text(stack.environment.start().value()), "D=e");
  EXPECT_EQ(stack.aux.size() % 16, 0u);
  EXPECT_EQ(word(stack.aux.end().value() - 16), 0u) << "AT_NULL is the last";
}

TEST_F(InitialStackTest, AlignsTheStackPointerForAnyNumberOfArguments) {
  std::vector<std::string_view> arguments;
  for (usize count = 0; count < 20; ++count) {
    const ExecStrings strings = strings_of(arguments);
    const StartInfo info{.name = "x", .strings = strings, .entry = {}, .headers = {}};
    const u64 sp = build_initial_stack(space, kStack, kMost, info).value().pointer.value();
    EXPECT_EQ(sp % 16, 0u);
    EXPECT_EQ(read(sp).arguments.size(), count);
    arguments.push_back(std::string_view("argument").substr(count % 8));
  }
}

TEST_F(InitialStackTest, TakesNoMoreOfTheStackThanItMay) {
  const std::string large(kMost - 1000, 'x'), larger(kMost, 'x');
  const auto build = [&](const ExecStrings& strings) {
    const StartInfo info{.name = "x", .strings = strings, .entry = {}, .headers = {}};
    return build_initial_stack(space, kStack, kMost, info);
  };
  EXPECT_EQ(read(build(strings_of({"x", large})).value().pointer.value()).arguments[1], large);
  EXPECT_EQ(build(strings_of({"x", larger})).error().code, Errc::too_large);
  const std::vector<std::string_view> many(kMost / 8, "");
  EXPECT_EQ(build(strings_of(many)).error().code, Errc::too_large);
}

}  // namespace
}  // namespace meridian
