// SPDX-License-Identifier: MIT
/// The CPU's model out of MIDR_EL1 (each core's Technical Reference Manual gives its number).
#include <arch/machine.h>

#include "kernel/lib/bits.h"

namespace meridian::arch {
namespace {

using Implementer = Field<31, 24, u32>;
using Variant = Field<23, 20, u32>;
using PartNumber = Field<15, 4, u32>;
using Revision = Field<3, 0, u32>;

struct Model {
  u32 implementer, part;
  const char* name;
};
constexpr u32 kArm = 0x41, kFujitsu = 0x46, kQemu = 0x00;
constexpr Model kModels[] = {
    {kArm, 0xd03, "Cortex-A53"}, {kArm, 0xd04, "Cortex-A35"},  {kArm, 0xd07, "Cortex-A57"},
    {kArm, 0xd08, "Cortex-A72"}, {kArm, 0xd0b, "Cortex-A76"},  {kArm, 0xd0c, "Neoverse-N1"},
    {kFujitsu, 0x001, "A64FX"},  {kQemu, 0x051, "QEMU's max"},
};

}  // namespace

CpuId cpu_id() {
  const u64 midr = hw::read_midr_el1();
  return {.implementer = Implementer::decode(midr),
          .variant = Variant::decode(midr),
          .part = PartNumber::decode(midr),
          .revision = Revision::decode(midr)};
}

const char* cpu_name() {
  const CpuId id = cpu_id();
  for (const Model& model : kModels)
    if (id.implementer == model.implementer && id.part == model.part) return model.name;
  return "unknown CPU";
}

}  // namespace meridian::arch
