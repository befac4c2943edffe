// SPDX-License-Identifier: MIT
/// Each sequence that a litmus test is about, made of the kernel's own headers and nothing else. It
/// is compiled as the kernel is and never runs: check_sequences.py reads its machine code, and holds
/// it against the tests.
#include <arch/memory.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include "arch/aarch64/hw/cache.h"
#include "mm/paging/gather.h"
#include "mm/paging/replace.h"
#include "mm/user/asid.h"

namespace meridian {

/// Somebody uses the frame: in the tests, the store that comes last.
extern "C" void reuse_frame(Frame frame);

struct Store {
  void free_table(Frame frame) const { reuse_frame(frame); }
};

extern "C" {

[[gnu::used]] void publish(arch::Entry& entry, arch::Entry leaf) {
  store_entry(entry, leaf);
  arch::KernelTlb().publish();
}

[[gnu::used]] void link_table(arch::Entry& entry, arch::Entry link) {
  link_entry<Sharing::exclusive>(entry, link);
}

[[gnu::used]] void unmap_kernel_page(arch::Entry& entry, VirtAddr va) {
  Store store;
  Gather<Store, arch::KernelTlb> owed(store, arch::KernelTlb());
  store_entry(entry, arch::Entry());
  owed.invalidate(va, kPageSize, kPageSize);
}

[[gnu::used]] void unmap_user_page(arch::Entry& entry, VirtAddr va, u16 asid) {
  Store store;
  Gather<Store, arch::UserTlb> owed(store, arch::UserTlb(asid));
  store_entry(entry, arch::Entry());
  owed.invalidate(va, kPageSize, kPageSize);
}

[[gnu::used]] void free_table(arch::Entry& link, Frame table, VirtAddr va) {
  Store store;
  Gather<Store, arch::KernelTlb> owed(store, arch::KernelTlb());
  store_entry(link, arch::Entry());
  owed.unlink(table, va);
}

[[gnu::used]] void break_before_make(arch::Entry& entry, arch::Entry wanted, VirtAddr va) {
  const LeafUnit<arch::Entry> unit{&entry, 1, Level::L3, va, kPageSize};
  arch::KernelTlb tlb;
  break_unit(unit, tlb);
  store_entry(entry, wanted);
  tlb.publish();
}

[[gnu::used]] void flush_own() { arch::flush_own_tlb(); }
[[gnu::used]] void flush_all() { arch::flush_all_tlbs(); }
[[gnu::used]] void flush_asid(u16 asid) {
  arch::UserTlb tlb(asid);
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
}
[[gnu::used]] void switch_user_half(const arch::UserRoot& root) { arch::set_user_root(root); }
[[gnu::used]] void change_code(VirtRange range) { hw::sync_instructions(range); }

}  // extern "C"
}  // namespace meridian
