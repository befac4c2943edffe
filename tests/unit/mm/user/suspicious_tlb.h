// SPDX-License-Identifier: MIT
/// A TLB that keeps every translation that it was shown until it is told to forget it, for tests of
/// address spaces. It reports translations that nobody invalidated although they changed, frames
/// that were free before they were forgotten, and changes made without a break.
#pragma once

#include <arch/tlb.h>

#include <map>
#include <string>
#include <vector>

#include "el0_oracle.h"
#include "mm/frames/frames.h"

namespace meridian {

class SuspiciousTlb : public arch::FakeTlbObserver {
 public:
  SuspiciousTlb() { arch::fake_tlb_observer = this; }
  ~SuspiciousTlb() override { arch::fake_tlb_observer = nullptr; }

  /// A CPU may have used `va` in the space of this root and ASID just now.
  void see(u64 root, u16 asid, u64 va) {
    const auto view = el0_view(root, va);
    if (view) entries_[{asid, va}] = {root, *view};
  }

  void publish() override { published_ = true; }
  void invalidate(arch::FakeAsid asid, VirtAddr va, u64 size, u64 stride, TlbScope) override {
    check_order();
    for (u64 offset = 0; offset < size; offset += stride) {
      const auto found = entries_.find({*asid, va.value() + offset});
      if (found != entries_.end()) forget(found);
    }
  }
  void invalidate_all(arch::FakeAsid asid) override {
    check_order();
    for (auto e = entries_.begin(); e != entries_.end();)
      e = e->first.asid == *asid ? forget(e) : ++e;
  }
  void finish() override { unfinished_ = false; }

  /// An operation is over: what is still known must be what the tables say, with no more rights.
  void check() {
    if (unfinished_) complaints.push_back("invalidations were not finished");
    published_ = false;
    for (const auto& [key, entry] : entries_) {
      const auto now = el0_view(entry.root, key.va);
      const El0View& old = entry.view;
      const bool right = now && now->pa == old.pa && now->read >= old.read &&
                         now->write >= old.write && now->execute >= old.execute;
      if (!right) complain("stale", key.va);
    }
  }

  std::vector<std::string> complaints;

 private:
  struct Key {
    u16 asid;
    u64 va;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    u64 root;
    El0View view;
  };
  using Entries = std::map<Key, Entry>;

  Entries::iterator forget(Entries::iterator e) {
    const auto now = el0_view(e->second.root, e->first.va);
    if (now && now->pa != e->second.view.pa) complain("changed without a break", e->first.va);
    const FrameOwner owner = frame_state(Frame::containing(PhysAddr(e->second.view.pa))).owner;
    if (owner == FrameOwner::free || owner == FrameOwner::cached)
      complain("its frame was free before it was forgotten", e->first.va);
    return entries_.erase(e);
  }
  void check_order() {
    if (!published_) complaints.push_back("invalidated before it was published");
    unfinished_ = true;
  }
  void complain(const std::string& what, u64 va) {
    complaints.push_back(what + " at " + std::to_string(va >> kPageShift));
  }

  Entries entries_;
  bool published_ = false, unfinished_ = false;
};

}  // namespace meridian
