// SPDX-License-Identifier: MIT
/// A walk of stage 1 tables as the Arm ARM tells it (D8.2 and D8.3: EL1&0 regime, 4 KiB granule,
/// 48-bit output addresses). It shares no code with the kernel's own walker or with QEMU's.
#pragma once

#include <cstdint>
#include <functional>

namespace tlbsan {

/// The registers that decide about a CPU's translations.
struct Regime {
  uint64_t sctlr = 0, tcr = 0, ttbr0 = 0, ttbr1 = 0;

  bool mmu_is_on() const { return sctlr & 1; }
  uint64_t ttbr(bool high) const { return high ? ttbr1 : ttbr0; }
  uint16_t asid() const;
  /// Why this walker does not know what a half means, or null.
  const char* problem(bool high) const;
};

/// One descriptor read on the way: its physical address, and what it said.
struct Step {
  uint64_t word = 0, descriptor = 0;
  friend bool operator==(const Step&, const Step&) = default;
};

struct Rights {
  bool read = false, write = false, execute = false;
};

constexpr unsigned kLevels = 4;
constexpr unsigned shift_of(unsigned level) { return 39 - 9 * level; }
constexpr uint64_t span_of(unsigned level) { return uint64_t{1} << shift_of(level); }
constexpr uint64_t output_of(uint64_t descriptor) { return descriptor & 0x0000'ffff'ffff'f000; }

enum class Meaning : uint8_t { invalid, table, leaf };
/// What the MMU takes a descriptor for. A block at L0 or L3 is reserved, and reads as invalid.
constexpr Meaning meaning_of(uint64_t descriptor, unsigned level) {
  if (!(descriptor & 1)) return Meaning::invalid;
  if (descriptor & 2) return level == 3 ? Meaning::leaf : Meaning::table;
  return level == 1 || level == 2 ? Meaning::leaf : Meaning::invalid;
}

struct Walk {
  unsigned first = 0, last = 0;  // levels; steps[first] to steps[last] were read
  Step steps[kLevels];
  bool reached = false;     // false: this half does not translate the address at all
  bool translates = false;  // the last step is a leaf that may be used
  Rights el1, el0;          // with the limits of the tables above

  const Step& end() const { return steps[last]; }
  uint64_t output(uint64_t va) const {
    const uint64_t offset = va & (span_of(last) - 1);
    return (output_of(end().descriptor) & ~(span_of(last) - 1)) | offset;
  }
  bool is_global() const { return !(end().descriptor >> 11 & 1); }
  bool is_contiguous() const { return end().descriptor >> 52 & 1; }
};

using ReadWord = std::function<uint64_t(uint64_t)>;
/// `va` without its tag; see untagged().
Walk walk(const Regime& regime, uint64_t va, const ReadWord& read);

constexpr bool is_high(uint64_t va) { return va >> 55 & 1; }
/// The address that is translated: under TBI the top byte is no part of it.
uint64_t untagged(const Regime& regime, uint64_t va);

}  // namespace tlbsan
