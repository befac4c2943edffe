// SPDX-License-Identifier: MIT
/// crash KIND: every way to end this kernel, on purpose. For the tests that read the reports, and
/// for whoever wants to see one.
#include <arch/trap.h>

#include "kernel/lib/check.h"
#include "kernel/shell/command.h"
#include "mm/image.h"
#include "mm/layout/layout.h"

namespace meridian {
namespace {

/// A pointer that the compiler knows nothing of, so that it does not see the crash coming.
template <typename T>
volatile T* pointer_to(VirtAddr va) {
  const volatile u64 address = va.value();
  return reinterpret_cast<volatile T*>(address);
}

/// Deeper than any stack.
constexpr u64 kTooDeep = 1'000'000;
[[gnu::noinline]] u64 recurse(u64 depth) {
  volatile u64 frame[32];
  frame[depth % 32] = depth;
  return depth == kTooDeep ? 0 : recurse(depth + 1) + frame[depth % 32];
}
void crash_overflow() { (void)recurse(0); }

void crash_null() { *pointer_to<u64>(VirtAddr(0x10)) = 1; }

void crash_hole() {
  *pointer_to<u64>(VirtAddr(current_layout().region(RegionKind::hole).first)) = 1;
}

void crash_wx() { *pointer_to<u32>(image_text().start()) = 0; }

void crash_nx() {
  const volatile u64 address = image_data().start().value();
  reinterpret_cast<void (*)()>(address)();
}

void crash_ud() { arch::execute_undefined_instruction(); }

void crash_brk() { __builtin_trap(); }

void crash_check() {
  const volatile int answer = 41;
  CHECK(answer == 42);
}

struct Crash {
  std::string_view kind;
  void (*run)();
};
constexpr Crash kCrashes[] = {
    {"overflow", crash_overflow},  // run over the end of the kernel stack
    {"null", crash_null},          // store through a null pointer
    {"hole", crash_hole},          // store between the halves
    {"wx", crash_wx},              // store to the kernel's text
    {"nx", crash_nx},              // execute the kernel's data
    {"ud", crash_ud},              // execute an undefined instruction
    {"brk", crash_brk},            // what the compiler puts where code cannot come
    {"check", crash_check},        // a CHECK that does not hold
};

/// crash KIND: does not return, unless there is no such kind.
Result<void> cmd_crash(Writer&, Args& args) {
  const std::string_view kind = TRY(args.word("KIND"));
  TRY(args.end());
  for (const Crash& crash : kCrashes)
    if (crash.kind == kind) crash.run();
  return args.refuse("is none of overflow, null, hole, wx, nx, ud, brk, check");
}

}  // namespace

SHELL_COMMAND("crash", "crash KIND",
              "end the kernel with a report: overflow, null, hole, wx, nx, ud, brk, check",
              cmd_crash, CommandGroup::checks);

}  // namespace meridian
