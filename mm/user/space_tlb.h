// SPDX-License-Identifier: MIT
/// The TLBs of all CPUs, for a space whose ASID may change while its tables are being changed. The
/// number is read after publish(): a CPU that gets a newer one later also sees the published
/// tables.
#pragma once

#include <arch/tlb.h>

#include "mm/user/asid.h"

namespace meridian {

class SpaceTlb {
 public:
  explicit SpaceTlb(const AsidContext& context) : context_(&context) {}

  void publish() const { now().publish(); }
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) const {
    if (has_run()) now().invalidate(va, size, stride, scope);
  }
  void invalidate_all() const {
    if (has_run()) now().invalidate_all();
  }
  void finish() const {
    if (has_run()) now().finish();
  }

 private:
  arch::UserTlb now() const { return arch::UserTlb(context_->asid()); }
  /// A space that never ran is in no TLB.
  bool has_run() const { return context_->asid() != 0; }

  const AsidContext* context_;
};
static_assert(Tlb<SpaceTlb>);

}  // namespace meridian
