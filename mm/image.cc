// SPDX-License-Identifier: MIT
#include "mm/image.h"

namespace meridian {
namespace {

constinit PhysAddr phys_start;

}  // namespace

void set_image_phys(PhysAddr start) { phys_start = start; }

PhysRange image_phys() { return {phys_start, image_range().size()}; }

Result<PhysAddr> image_to_phys(VirtAddr va) {
  if (!image_range().contains(va)) return Error{Errc::not_linear, va.value()};
  return phys_start + (va - image_range().start());
}

}  // namespace meridian
