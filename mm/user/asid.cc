// SPDX-License-Identifier: MIT
#include "mm/user/asid.h"

#include <arch/paging.h>
#include <arch/tlb.h>

#include "kernel/lib/seeded_bugs.h"

namespace meridian {
namespace {

constinit AsidAllocator allocator;
constinit Spinlock first_use;

}  // namespace

AsidAllocator& asid_allocator() {
  if (allocator.count() == 1) [[unlikely]] {
    SpinGuard guard(first_use);
    if (allocator.count() == 1) allocator.set_bits(arch::asid_bits());
  }
  return allocator;
}

/// A value of this generation for a space whose last one is `old` (0: none).
u64 AsidAllocator::renew(u64 old) {
  if (old != 0) {
    const u64 same = generation_.load() | number_of(old);
    // It runs somewhere since before the generation began, or nobody has had the number so far.
    if (keep_reserved(old, same) || taken_.take_this(number_of(old))) return same;
  }
  Result<u16> number = taken_.take(count_);
  if (!number.has_value()) {
    begin_generation();
    number = taken_.take(count_);
  }
  return generation_.load() | number.value();
}

/// If CPUs ran `old` when the generation began, it is theirs as `renewed` now.
bool AsidAllocator::keep_reserved(u64 old, u64 renewed) {
  bool found = false;
  for (Cpu& cpu : cpus_) {
    if (cpu.reserved != old) continue;
    cpu.reserved = renewed;
    found = true;
  }
  return found;
}

void AsidAllocator::begin_generation() {
  generation_.store(generation_.load() + kFirstGeneration);
  taken_ = pinned_;
  for (Cpu& cpu : cpus_) {
    // A CPU that has not switched since the last generation began still runs what it ran then.
    const u64 active = cpu.active.exchange(0);
    if (active != 0) cpu.reserved = active;
    if (seeded(Bug::running_asid_given_away)) cpu.reserved = 0;
    if (cpu.reserved != 0) taken_.take_this(number_of(cpu.reserved));
    cpu.must_flush = !seeded(Bug::rollover_flushes_one_cpu) || &cpu == cpus_.data();
  }
}

Result<u16> AsidAllocator::pin() {
  SpinGuard guard(lock_);
  Result<u16> number = taken_.take(count_);
  if (!number.has_value()) {
    begin_generation();
    number = taken_.take(count_);
  }
  if (number.has_value()) CHECK(pinned_.take_this(number.value()));
  return number;
}

void AsidAllocator::unpin(u16 asid) {
  SpinGuard guard(lock_);
  pinned_.give(asid);
  taken_.give(asid);
}

Result<Asid> Asid::take() {
  const u16 value = TRY(asid_allocator().pin());
  // A CPU that has not come to this generation yet may know the number from an older one.
  arch::UserTlb tlb(value);
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
  return Asid(value);
}

Asid::~Asid() {
  if (value_ != 0) asid_allocator().unpin(value_);
}

}  // namespace meridian
