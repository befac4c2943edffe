// SPDX-License-Identifier: MIT
/// ASIDs: the numbers that tag an address space's translations in the TLBs. 0 is nobody's: it is
/// current while no program runs.
///
/// There may be more spaces than numbers. So a number is a space's own for one generation only:
/// when all have been given out, a new generation begins, in which just the spaces that run at that
/// moment keep theirs. Each CPU forgets all translations before it uses a number of the new
/// generation for the first time; so no space meets what a TLB still knows of another one.
#pragma once

#include <arch/cpu.h>
#include <arch/tlb.h>

#include <array>
#include <atomic>
#include <bit>
#include <utility>

#include "kernel/lib/bits.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "kernel/sync/spinlock.h"

namespace meridian {

/// Which of the numbers below `count` are taken. It hands them out in turn, so that a number rests
/// as long as possible before it is used again.
class AsidPool {
 public:
  static constexpr u32 kMost = 65'536;

  constexpr AsidPool() { taken_[0] = 1; }

  /// A number from 1 to count - 1 that nobody has; `count` is the same at each call, a power of two
  /// of at least 4. Errc::out_of_slots.
  Result<u16> take(u32 count) {
    CHECK(count >= 4 && count <= kMost && is_power_of_two(count));
    const u32 words = count < 64 ? 1 : count / 64, first = next_ / 64 % words;
    for (u32 i = 0; i <= words; ++i) {
      const u32 word = (first + i) % words;
      // In the first word the numbers before next_ come last: when the search is round once.
      const u64 skipped = i == 0 ? low_ones(next_ % 64) : 0;
      const u64 free = low_ones(count) & ~(taken_[word] | skipped);
      if (free == 0) continue;
      const u32 bit = static_cast<u32>(std::countr_zero(free));
      taken_[word] |= u64{1} << bit;
      next_ = word * 64 + bit + 1;
      return static_cast<u16>(word * 64 + bit);
    }
    return Error{Errc::out_of_slots, count - 1};
  }

  /// True if `asid` was free; it is taken now.
  bool take_this(u16 asid) {
    const u64 bit = u64{1} << asid % 64;
    if ((taken_[asid / 64] & bit) != 0) return false;
    taken_[asid / 64] |= bit;
    return true;
  }
  /// `asid` was taken, and no TLB knows it any more.
  void give(u16 asid) {
    const u64 bit = u64{1} << asid % 64;
    CHECK(asid != 0 && (taken_[asid / 64] & bit) != 0);
    taken_[asid / 64] &= ~bit;
  }

 private:
  std::array<u64, kMost / 64> taken_{};
  u32 next_ = 1;
};

/// A space's number, in one generation.
class AsidContext {
 public:
  static constexpr unsigned kNumberBits = 16;

  constexpr AsidContext() = default;
  AsidContext(const AsidContext&) = delete;
  AsidContext& operator=(const AsidContext&) = delete;

  /// The number it had last; 0 if it never had one. To invalidate what a TLB may know of the space:
  /// read it after the tables' changes are published. (If it has become somebody else's meanwhile,
  /// he loses a few translations, and this space has none left.)
  u16 asid() const { return static_cast<u16>(value_.load(std::memory_order_relaxed)); }

  /// It has another number from now on. Whoever still reads the old one has published his changes
  /// before this CPU walks the tables under the new one (litmus/new-asid).
  void announce(u64 value) {
    value_.store(value, std::memory_order_relaxed);
    arch::UserTlb(static_cast<u16>(value)).publish();
  }

 private:
  friend class AsidAllocator;
  std::atomic<u64> value_{0};  // generation above the number
};

/// Gives numbers to spaces as CPUs switch to them.
class AsidAllocator {
 public:
  /// `bits` is how many bits a CPU compares, or fewer; 0: set_bits() follows. There must be more
  /// numbers than CPUs and pinned ones.
  constexpr explicit AsidAllocator(unsigned bits = 0) : count_(u32{1} << bits) {}
  void set_bits(unsigned bits) { count_ = u32{1} << bits; }
  u32 count() const { return count_; }

  /// CPU `cpu` (the caller's; interrupts are masked) switches to the space of `context`: returns
  /// its number. Calls `flush()` if this CPU must first forget all that its TLB knows.
  template <typename Flush>
  u16 activate(AsidContext& context, usize cpu, Flush&& flush) {
    u64 value = context.value_.load(std::memory_order_relaxed);
    u64 before = cpus_[cpu].active.load(std::memory_order_relaxed);
    // A new generation that begins now either finds the old number here, or makes this fail.
    const bool fast = before != 0 && is_current(value) &&
                      cpus_[cpu].active.compare_exchange_strong(before, value);
    if (fast) [[likely]]
      return number_of(value);
    SpinGuard guard(lock_);
    value = context.value_.load(std::memory_order_relaxed);
    if (!is_current(value)) {
      value = renew(value);
      context.announce(value);
    }
    if (std::exchange(cpus_[cpu].must_flush, false)) flush();
    cpus_[cpu].active.store(value);
    return number_of(value);
  }

  /// A number that stays the caller's over all generations, until unpin(). TLBs may still know it:
  /// invalidate it before using it. Errc::out_of_slots.
  Result<u16> pin();
  /// No TLB knows `asid` any more.
  void unpin(u16 asid);

 private:
  struct alignas(64) Cpu {
    std::atomic<u64> active{0};  // what it runs; 0: nothing since the generation began
    u64 reserved = 0;            // what it ran when the generation began
    bool must_flush = false;
  };
  static constexpr u64 kFirstGeneration = u64{1} << AsidContext::kNumberBits;

  static u16 number_of(u64 value) { return static_cast<u16>(value); }
  bool is_current(u64 value) const {
    return (value ^ generation_.load(std::memory_order_relaxed)) < kFirstGeneration;
  }
  u64 renew(u64 old);
  bool keep_reserved(u64 old, u64 renewed);
  void begin_generation();

  u32 count_;
  Spinlock lock_;
  std::atomic<u64> generation_{kFirstGeneration};
  AsidPool taken_, pinned_;
  std::array<Cpu, arch::kMaxCpus> cpus_;
};

/// The machine's.
AsidAllocator& asid_allocator();

/// One pinned number, given back at the end: for a space that is switched to by hand.
class Asid {
 public:
  static Result<Asid> take();

  Asid(Asid&& other) noexcept : value_(std::exchange(other.value_, u16{0})) {}
  Asid& operator=(Asid&&) = delete;
  ~Asid();

  u16 value() const { return value_; }

 private:
  explicit Asid(u16 value) : value_(value) {}
  u16 value_;  // 0: moved away
};

}  // namespace meridian
