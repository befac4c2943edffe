// SPDX-License-Identifier: MIT
#include "arch/aarch64/trap/walk_now.h"

#include <arch/probe.h>

#include "arch/aarch64/regs/tcr.h"
#include "mm/image.h"
#include "mm/kernel/linear_map.h"

namespace meridian::arch {
namespace {

/// Tables by the address that the kernel reaches them at, if it does: the linear map, or, before
/// that stands, the image, where the first tables are.
class CarefulTables {
 public:
  explicit CarefulTables(bool& unreadable) : unreadable_(&unreadable) {}

  Result<Frame> allocate_table() { return Error{Errc::unsupported}; }
  void free_table(Frame) {}
  /// nullptr (which a cursor reads as invalid entries) if the table cannot be read.
  Entry* entries(Frame table) {
    for (const VirtAddr va : {linear_address(table), image_address(table)})
      if (va.value() != 0 && probe(va, ProbeKind::load64).ok)
        return reinterpret_cast<Entry*>(va.value());
    *unreadable_ = true;
    return nullptr;
  }

 private:
  static VirtAddr linear_address(Frame table) {
    return linear_map.to_virt(table.address()).value_or(VirtAddr(0));
  }
  static VirtAddr image_address(Frame table) {
    const PhysRange image = image_phys();
    if (!image.contains(table.address())) return VirtAddr(0);
    return image_range().start() + (table.address() - image.start());
  }

  bool* unreadable_;
};

// What a table descriptor takes away from everything below it.
bool forbids_writing(const Descriptor& table) {
  const TablePermission limit = Descriptor::APTable::decode(table.raw());
  return limit == TablePermission::no_write || limit == TablePermission::no_el0_no_write;
}
bool forbids_el0(const Descriptor& table) {
  const TablePermission limit = Descriptor::APTable::decode(table.raw());
  return limit == TablePermission::no_el0 || limit == TablePermission::no_el0_no_write;
}

}  // namespace

WalkNow walk_now(VirtAddr va) {
  const Half half = half_of(va);
  const u64 ttbr = half == Half::low ? hw::read_ttbr0_el1() : hw::read_ttbr1_el1();
  WalkNow now{.half = half, .root = Ttbr(ttbr).root(), .walk = {}};
  CarefulTables tables(now.unreadable);
  const Geometry geometry = Tcr(hw::read_tcr_el1()).geometry(half);
  now.walk = walk_tables<Format>(geometry, tables, now.root, va);
  return now;
}

Rights el1_rights_now(VirtAddr va) {
  const WalkNow now = walk_now(va);
  if (now.walk.why() != WalkEnd::leaf) return {};
  Rights rights = now.walk.last().entry.el1_rights();
  for (const Walk<Format>::Step& step : now.walk) {
    if (step.kind() != Kind::table) continue;
    if (forbids_writing(step.entry)) rights.write = false;
    if (Descriptor::PXNTable::is_set(step.entry.raw())) rights.execute = false;
  }
  return rights;
}

Rights el0_rights_now(VirtAddr va) {
  const WalkNow now = walk_now(va);
  if (now.walk.why() != WalkEnd::leaf) return {};
  Rights rights = now.walk.last().entry.el0_rights();
  for (const Walk<Format>::Step& step : now.walk) {
    if (step.kind() != Kind::table) continue;
    if (forbids_writing(step.entry)) rights.write = false;
    if (forbids_el0(step.entry)) rights.read = rights.write = false;
    if (Descriptor::UXNTable::is_set(step.entry.raw())) rights.execute = false;
  }
  return rights;
}

}  // namespace meridian::arch
