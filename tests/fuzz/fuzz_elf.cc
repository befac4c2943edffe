// SPDX-License-Identifier: MIT
// sources: kernel/proc/elf.cc
/// Any bytes at all as a program; what is accepted must lie in the file and in user memory.
#include "kernel/proc/elf.h"

using namespace meridian;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
  const ElfImage::Limits limits{UserAddr(0x1'0000), UserAddr(u64{1} << 48)};
  ElfProblem problem;
  const auto image =
      ElfImage::open({reinterpret_cast<const std::byte*>(data), size}, size, limits, problem);
  if (!image.has_value()) return 0;
  u64 end = 0;
  for (const ElfSegment& s : image.value().segments()) {
    const u64 bias = image.value().is_relocatable() ? limits.lowest.value() : 0;
    if (s.offset + s.file_size > size || s.file_size > s.memory.size()) __builtin_trap();
    if (s.pages().start().value() < end || bias + s.pages().end().value() > limits.end.value())
      __builtin_trap();
    if (s.write && s.execute) __builtin_trap();
    end = s.pages().end().value();
  }
  return 0;
}
