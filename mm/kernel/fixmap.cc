// SPDX-License-Identifier: MIT
#include "mm/kernel/fixmap.h"

#include "mm/kernel/kernel_space.h"

namespace meridian {

Result<VirtAddr> fixmap_set(FixSlot slot, PhysRange what, Attributes attributes) {
  const VirtRange window = fixmap_range(slot);
  if (what.is_empty() || what.wraps()) return Error{Errc::bad_range, what.start().value()};
  if (!what.is_aligned(kPageSize)) return Error{Errc::not_aligned, what.start().value()};
  if (what.size() > window.size()) return Error{Errc::too_large, what.size()};
  TRY(KernelSpace::Tables::check_rights(attributes, window.start()));
  fixmap_clear(slot);
  const VirtRange range(window.start(), what.size());
  TRY(kernel_space().map(range, Frame(what.start()), attributes));
  return range.start();
}

void fixmap_clear(FixSlot slot) {
  const Result<void> cleared = kernel_space().unmap(fixmap_range(slot));
  CHECK(cleared.has_value());  // no leaf reaches out of a slot
}

}  // namespace meridian
