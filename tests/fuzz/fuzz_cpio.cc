// SPDX-License-Identifier: MIT
// sources: kernel/fs/cpio.cc
/// Any bytes at all as an initramfs.
#include "kernel/fs/cpio.h"

using namespace meridian;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
  const std::span<const std::byte> archive(reinterpret_cast<const std::byte*>(data), size);
  CpioReader reader(archive);
  for (auto next = reader.next(); next.has_value() && next.value(); next = reader.next()) {
    const CpioEntry& entry = *next.value();
    if (!entry.data.empty() &&
        (&entry.data.front() < archive.data() || &entry.data.back() > &archive.back()))
      __builtin_trap();
  }
  (void)find_in_cpio(archive, "/bin/a");
  return 0;
}
