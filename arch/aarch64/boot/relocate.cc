// SPDX-License-Identifier: MIT
/// The image moves itself from where it was linked to where it will run. A static PIE has only one
/// kind of dynamic relocation: "the word at `offset` is the load address plus `addend`".
#include <generated/asm_offsets.h>

#include "arch/aarch64/boot/boot.h"
#include "kernel/lib/check.h"
#include "mm/image.h"

#pragma GCC visibility push(hidden)
extern "C" char __rela_start[], __rela_end[];
#pragma GCC visibility pop

namespace meridian::arch {
namespace {

/// Elf64_Rela (System V ABI, "Relocation").
struct Rela {
  u64 offset;  // where, as linked
  u64 info;    // the type, and a symbol's number above it
  u64 addend;  // an address, as linked
};
constexpr u64 kRelative = 1027;  // R_AARCH64_RELATIVE (ELF for the Arm 64-bit Architecture)

}  // namespace

void relocate_image(VirtAddr image) {
  const u64 move = image.value() - IMAGE_LINK_BASE;
  const u64 here = reinterpret_cast<u64>(__image_start) - IMAGE_LINK_BASE;
  const Rela* const end = reinterpret_cast<const Rela*>(__rela_end);
  for (const Rela* r = reinterpret_cast<const Rela*>(__rela_start); r != end; ++r) {
    CHECK(r->info == kRelative);
    *reinterpret_cast<u64*>(r->offset + here) = r->addend + move;
  }
}

}  // namespace meridian::arch
