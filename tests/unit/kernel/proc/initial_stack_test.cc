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

constexpr UserRange kStack{UserAddr(0x7000'0000), 64 * kPageSize};

struct Seen {
  std::vector<std::string> arguments;
  u64 environment = 0;  // entries
  std::map<u64, u64> aux;
  u64 aux_repeats = 0;
};

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
    while (word(at += 8) != 0) ++seen.environment;
    for (at += 8; word(at) != 0; at += 16)
      seen.aux_repeats += !seen.aux.emplace(word(at), word(at + 8)).second;
    return seen;
  }

  FakeMachine ram;
  Ref<UserSpace> owned;
  UserSpace& space;
};

TEST_F(InitialStackTest, HoldsArgumentsAndTheAuxiliaryVector) {
  const std::string_view arguments[] = {"one", "", "three words here"};
  const StartInfo info{.name = "hello",
                       .arguments = arguments,
                       .entry = UserAddr(0x40'0100),
                       .headers = UserAddr(0x40'0040),
                       .header_count = 6,
                       .random = {0x1122'3344'5566'7788, 0x99aa'bbcc'ddee'ff00}};
  const u64 sp = build_initial_stack(space, kStack, info).value().value();
  EXPECT_EQ(sp % 16, 0u);
  EXPECT_LT(sp, kStack.end().value());

  Seen seen = read(sp);
  EXPECT_EQ(seen.arguments, (std::vector<std::string>{"hello", "one", "", "three words here"}));
  EXPECT_EQ(seen.environment, 0u);
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
  EXPECT_EQ(text(seen.aux[31]), "hello");    // AT_EXECFN
  EXPECT_EQ(text(seen.aux[15]), "aarch64");  // AT_PLATFORM
}

TEST_F(InitialStackTest, AlignsTheStackPointerForAnyNumberOfArguments) {
  std::vector<std::string_view> arguments;
  for (usize count = 0; count < 20; ++count) {
    const StartInfo info{.name = "x", .arguments = arguments, .entry = {}, .headers = {}};
    const u64 sp = build_initial_stack(space, kStack, info).value().value();
    EXPECT_EQ(sp % 16, 0u);
    EXPECT_EQ(read(sp).arguments.size(), count + 1);
    arguments.push_back(std::string_view("argument").substr(count % 8));
  }
}

TEST_F(InitialStackTest, TakesAQuarterOfTheStackAtMost) {
  const std::string large(kStack.size() / 4 - 1000, 'x'), larger(kStack.size() / 4, 'x');
  std::string_view arguments[] = {large};
  StartInfo info{.name = "x", .arguments = arguments, .entry = {}, .headers = {}};
  const u64 sp = build_initial_stack(space, kStack, info).value().value();
  EXPECT_EQ(read(sp).arguments[1], large);
  arguments[0] = larger;
  EXPECT_EQ(build_initial_stack(space, kStack, info).error().code, Errc::too_large);
  const std::vector<std::string_view> many(kStack.size() / 4 / 8, "");
  info.arguments = many;
  EXPECT_EQ(build_initial_stack(space, kStack, info).error().code, Errc::too_large);
}

}  // namespace
}  // namespace meridian
