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

// Everything is inlined, so that a function's code is all there is to it.
#define SEQUENCE [[gnu::used, gnu::flatten]]

extern "C" {

SEQUENCE void publish(arch::Entry& entry, arch::Entry leaf) {
  store_entry(entry, leaf);
  arch::KernelTlb().publish();
}

SEQUENCE void link_table(arch::Entry& entry, arch::Entry link) {
  link_entry<Sharing::exclusive>(entry, link);
}

SEQUENCE void unmap_kernel_page(arch::Entry& entry, VirtAddr va) {
  Store store;
  Gather<Store, arch::KernelTlb> owed(store, arch::KernelTlb());
  store_entry(entry, arch::Entry());
  owed.invalidate(va, kPageSize, kPageSize);
}

SEQUENCE void unmap_user_page(arch::Entry& entry, VirtAddr va, u16 asid) {
  Store store;
  Gather<Store, arch::UserTlb> owed(store, arch::UserTlb(asid));
  store_entry(entry, arch::Entry());
  owed.invalidate(va, kPageSize, kPageSize);
}

SEQUENCE void write_protect(arch::Entry& entry, arch::Entry read_only, VirtAddr va, u16 asid) {
  Store store;
  Gather<Store, arch::UserTlb> owed(store, arch::UserTlb(asid));
  store_entry(entry, read_only);
  owed.invalidate(va, kPageSize, kPageSize);
}

/// As VmallocCore::flush_this_cpu() does.
SEQUENCE void flush_parked(std::atomic<void*>& list) {
  if (list.exchange(nullptr, std::memory_order_acquire) == nullptr) return;
  arch::flush_all_tlbs();
}

SEQUENCE void announce_asid(AsidContext& context, u64 value) { context.announce(value); }

SEQUENCE void break_before_make(arch::Entry& entry, arch::Entry wanted, VirtAddr va) {
  const LeafUnit<arch::Entry> unit{&entry, 1, Level::L3, va, kPageSize};
  arch::KernelTlb tlb;
  break_unit(unit, tlb);
  store_entry(entry, wanted);
  tlb.publish();
}

SEQUENCE void flush_own() { arch::flush_own_tlb(); }
SEQUENCE void flush_asid(arch::Entry& entry, u16 asid) {
  store_entry(entry, arch::Entry());
  arch::UserTlb tlb(asid);
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
}
SEQUENCE void switch_user_half(const arch::UserRoot& root) { arch::set_user_root(root); }
SEQUENCE void change_code(VirtRange range) { hw::sync_instructions(range); }

}  // extern "C"
}  // namespace meridian
