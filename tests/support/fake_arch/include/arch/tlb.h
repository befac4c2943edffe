// SPDX-License-Identifier: MIT
/// <arch/tlb.h> on the host: tells an observer (a model MMU, a test's recorder) what the machine
/// would be told, and counts as the machine does.
#pragma once

#include <arch/cpu.h>

#include <array>
#include <atomic>
#include <optional>

#include "mm/paging/format.h"

namespace meridian::arch {

/// Which entries an invalidation is for: those tagged with an ASID (and global ones), or all.
using FakeAsid = std::optional<u16>;

class FakeTlbObserver {
 public:
  virtual ~FakeTlbObserver() = default;
  virtual void publish() {}
  virtual void invalidate(FakeAsid, VirtAddr, u64 /*size*/, u64 /*stride*/, TlbScope) {}
  virtual void invalidate_all(FakeAsid) {}
  virtual void finish() {}
};

/// Who is told; nobody if null. A test that sets it sets it back.
inline FakeTlbObserver* fake_tlb_observer = nullptr;

inline std::array<std::atomic<u64>, kMaxCpus> fake_tlbi_counters{};
inline u64 tlbi_count(unsigned cpu) { return fake_tlbi_counters[cpu]; }
inline u64 tlbi_count() {
  u64 sum = 0;
  for (const auto& counter : fake_tlbi_counters) sum += counter;
  return sum;
}
inline void count_tlbis(u64 issued) { fake_tlbi_counters[cpu_index()] += issued; }

class FakeTlb {
 public:
  constexpr explicit FakeTlb(FakeAsid its_asid) : asid_(its_asid) {}

  void publish() const {
    if (fake_tlb_observer != nullptr) fake_tlb_observer->publish();
  }
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) const {
    count_tlbis(size / stride + (size % stride != 0 ? 1 : 0));
    if (fake_tlb_observer != nullptr) fake_tlb_observer->invalidate(asid_, va, size, stride, scope);
  }
  void invalidate_all() const {
    count_tlbis(1);
    if (fake_tlb_observer != nullptr) fake_tlb_observer->invalidate_all(asid_);
  }
  void finish() const {
    if (fake_tlb_observer != nullptr) fake_tlb_observer->finish();
  }

 private:
  FakeAsid asid_;
};

class KernelTlb : public FakeTlb {
 public:
  constexpr KernelTlb() : FakeTlb(std::nullopt) {}
};

struct UserTlb : public FakeTlb {
  constexpr explicit UserTlb(u16 its_asid) : FakeTlb(its_asid), asid(its_asid) {}
  u16 asid;
};

static_assert(Tlb<KernelTlb> && Tlb<UserTlb>);

/// Of the CPU that the test plays: a test that cares gives the allocator of ASIDs its own.
inline void flush_own_tlb() { count_tlbis(1); }

inline void flush_all_tlbs() {
  KernelTlb tlb;
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
}

}  // namespace meridian::arch
