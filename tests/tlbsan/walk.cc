// SPDX-License-Identifier: MIT
#include "tests/tlbsan/walk.h"

namespace tlbsan {
namespace {

constexpr uint64_t field(uint64_t word, unsigned high, unsigned low) {
  return word >> low & ((uint64_t{1} << (high - low + 1)) - 1);
}

/// How TCR_EL1 describes one half.
struct Shape {
  unsigned bits;  // of the address that are translated
  bool enabled;   // EPDn
  bool tagged;    // TBIn
  bool limits;    // HPDn: do tables limit what is below them
};
Shape shape_of(uint64_t tcr, bool high) {
  if (high)
    return {64 - static_cast<unsigned>(field(tcr, 21, 16)), !field(tcr, 23, 23),
            field(tcr, 38, 38) != 0, !field(tcr, 42, 42)};
  return {64 - static_cast<unsigned>(field(tcr, 5, 0)), !field(tcr, 7, 7), field(tcr, 37, 37) != 0,
          !field(tcr, 41, 41)};
}

/// What tables on the way have taken away.
struct Limits {
  bool no_el0 = false, no_write = false, no_el1_execute = false, no_el0_execute = false;

  void add(uint64_t table) {
    no_el0 |= field(table, 61, 61) != 0;
    no_write |= field(table, 62, 62) != 0;
    no_el1_execute |= field(table, 59, 59) != 0;
    no_el0_execute |= field(table, 60, 60) != 0;
  }
};

/// Arm ARM D8.4, "Memory access control".
void grant(Walk& w, const Limits& limits, bool wxn) {
  const uint64_t leaf = w.end().descriptor;
  const bool write = !field(leaf, 7, 7) && !limits.no_write;
  const bool el0 = field(leaf, 6, 6) && !limits.no_el0;
  const bool pxn = field(leaf, 53, 53) || limits.no_el1_execute;
  const bool uxn = field(leaf, 54, 54) || limits.no_el0_execute;
  w.el1 = {true, write, !pxn && !(wxn && write) && !(el0 && write)};
  w.el0 = {el0, el0 && write, !uxn && !(wxn && el0 && write)};
}

unsigned output_bits(uint64_t tcr) {
  constexpr unsigned kBits[] = {32, 36, 40, 42, 44, 48, 48, 48};
  return kBits[field(tcr, 34, 32)];
}

/// A leaf faults if its access flag is clear, or its output address is larger than TCR_EL1.IPS.
bool is_usable(uint64_t leaf, uint64_t tcr) {
  return field(leaf, 10, 10) && output_of(leaf) >> output_bits(tcr) == 0;
}

}  // namespace

uint16_t Regime::asid() const {
  const uint64_t asid = (tcr >> 22 & 1 ? ttbr1 : ttbr0) >> 48;
  return static_cast<uint16_t>(tcr >> 36 & 1 ? asid : asid & 0xff);
}

const char* Regime::problem(bool high) const {
  const uint64_t granule = high ? field(tcr, 31, 30) ^ 0b10 : field(tcr, 15, 14);
  const uint64_t size = high ? field(tcr, 21, 16) : field(tcr, 5, 0);
  if (granule != 0) return "a granule other than 4 KiB";
  if (size < 16 || size > 39) return "a T0SZ or T1SZ outside 16 to 39";
  if (field(tcr, 40, 39) != 0) return "access flags or dirty state kept by hardware";
  if (field(tcr, 59, 59) != 0) return "52-bit descriptors";
  return nullptr;
}

uint64_t untagged(const Regime& regime, uint64_t va) {
  if (!shape_of(regime.tcr, is_high(va)).tagged) return va;
  return static_cast<uint64_t>(static_cast<int64_t>(va << 8) >> 8);
}

Walk walk(const Regime& regime, uint64_t va, const ReadWord& read) {
  Walk w;
  const bool high = is_high(va);
  const Shape shape = shape_of(regime.tcr, high);
  const uint64_t above = va >> shape.bits;
  if (!shape.enabled || above != (high ? ~uint64_t{0} >> shape.bits : 0)) return w;

  w.reached = true;
  w.first = 3 - (shape.bits - 13) / 9;  // each level resolves 9 bits above the 12 of a page
  const unsigned first_bits = shape.bits - shift_of(w.first);
  // The first table may be smaller than a page, and is aligned to its size.
  uint64_t table = field(regime.ttbr(high), 47, 1) << 1 & ~((uint64_t{8} << first_bits) - 1);
  uint64_t index = va >> shift_of(w.first) & ((uint64_t{1} << first_bits) - 1);
  Limits limits;
  for (w.last = w.first;; ++w.last) {
    Step& step = w.steps[w.last];
    step.word = table + 8 * index;
    step.descriptor = read(step.word);
    const Meaning meaning = meaning_of(step.descriptor, w.last);
    if (meaning == Meaning::leaf) break;
    if (meaning == Meaning::invalid) return w;
    if (shape.limits) limits.add(step.descriptor);
    table = output_of(step.descriptor);
    index = va >> shift_of(w.last + 1) & 511;
  }
  w.translates = is_usable(w.end().descriptor, regime.tcr);
  grant(w, limits, regime.sctlr >> 19 & 1);
  return w;
}

}  // namespace tlbsan
