// SPDX-License-Identifier: MIT
// sources: kernel/devicetree/fdt.cc kernel/devicetree/machine.cc
/// Any bytes at all as a device tree: opened, walked and described.
#include <cstring>
#include <memory>

#include "kernel/devicetree/machine.h"

using namespace meridian;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
  const std::unique_ptr<std::byte[]> copy(new std::byte[size]);  // aligned, and ends where it ends
  if (size != 0) std::memcpy(copy.get(), data, size);
  const Result<Fdt> fdt = Fdt::open({copy.get(), size});
  if (!fdt.has_value()) return 0;
  for (const FdtNode& node : FdtWalk(fdt.value()))
    for (usize i = 0; i < 4; ++i) (void)node.reg(i), (void)node.interrupt(i);
  MachineDescription machine;
  (void)describe_machine(fdt.value(), machine);
  (void)fdt.value().find("serial0");
  return 0;
}
