// SPDX-License-Identifier: MIT
/// The invariants of an address space (user_space.h), looked for in what the MMU reads.
#include "mm/user/user_range.h"
#include "mm/user/user_space.h"
#include "mm/user/zero_frame.h"

namespace meridian {
namespace {

/// What is wrong with a page of `vma`, or null.
const char* problem_of(const Vma& vma, arch::Entry entry) {
  const Attributes rights = entry.attributes(Level::L3);
  const Protection& allowed = vma.traits.protection;
  const Frame frame = entry.output();
  if (!vma.has_tables) return "a page is mapped where its VMA has no tables";
  if (rights.write && rights.execute) return "a page can be written and executed";
  if (rights.global) return "a page is every process's";
  if ((rights.user && !permits(allowed, UserAccess::read)) || (rights.write && !allowed.write) ||
      (rights.execute && !allowed.execute))
    return "a page has a right that its VMA does not give";
  if (is_zero_frame(frame)) return rights.write ? "the zero frame can be written" : nullptr;
  const FrameInfo& info = frame_info(frame);
  const bool is_anonymous = info.owner() == FrameOwner::user;
  if (!info.is_allocated() || (!is_anonymous && info.owner() != FrameOwner::page_cache))
    return "a page leads to a frame that is no program's";
  if (vma.traits.shared && is_anonymous) return "a page of a shared mapping is not its object's";
  if (rights.write && vma.is_private() && !is_sole_owner(frame))
    return "a page can be written, and others have it";
  return nullptr;
}

}  // namespace

std::optional<UserSpace::Finding> UserSpace::audit() {
  Guard guard(lock_);
  std::optional<Finding> finding;
  const auto report = [&](const char* what, UserAddr where) {
    if (!finding) finding = Finding{what, where};
  };
  u64 mapped = 0, locked = 0, resident = 0;
  vmas_.for_each(vmas_.bounds(), [&](const Vma& vma) {
    mapped += vma.pages();
    if (vma.traits.locked) locked += vma.pages();
  });
  mapper().for_each_page(virt(vmas_.bounds()), [&](arch::Entry entry, VirtAddr va) {
    const UserAddr page(va.value());
    if (!is_zero_frame(entry.output())) ++resident;
    const Vma* const vma = vmas_.find(page);
    const char* const problem =
        vma == nullptr ? "a page is mapped outside every VMA" : problem_of(*vma, entry);
    if (problem != nullptr) report(problem, page);
  });
  if (mapped != stats_.mapped || locked != stats_.locked)
    report("the VMAs are not as many pages as were counted", UserAddr(mapped));
  if (resident != stats_.resident())
    report("there are not as many pages as were counted", UserAddr(resident));
  return finding;
}

}  // namespace meridian
