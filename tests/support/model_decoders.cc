// SPDX-License-Identifier: MIT
#include "model_decoders.h"

namespace meridian::model {
namespace {

constexpr bool bit(u64 word, unsigned n) { return (word >> n & 1) != 0; }
constexpr u64 bits(u64 word, unsigned high, unsigned low) {
  return word >> low & ((u64{2} << (high - low)) - 1);
}

Decoded reserved(const char* complaint) {
  return {.is = Decoded::Is::reserved, .complaint = complaint};
}

/// MAIR_EL1 as this kernel sets it: write-back, non-cacheable, nGnRE, and nGnRnE in the other
/// slots.
constexpr u64 kMair = 0x0000'0000'0004'44ff;

Memory memory_of(u64 attr_index) {
  switch (kMair >> 8 * attr_index & 0xff) {
    case 0xff:
      return Memory::write_back;
    case 0x44:
      return Memory::uncached;
    case 0x04:
      return Memory::device;
    case 0x00:
      return Memory::device_strict;
  }
  return Memory::unknown;
}

Decoded decode_vmsa_table(u64 raw) {
  if (bits(raw, 50, 48) != 0) return reserved("table descriptor: bits 50:48 are RES0");
  if (bits(raw, 63, 59) != 0) return reserved("table descriptor: limits that nobody asked for");
  return {.is = Decoded::Is::table, .table = raw & 0x0000'ffff'ffff'f000};
}

const char* vmsa_leaf_complaint(unsigned level, u64 raw) {
  if (bits(raw, 49, 48) != 0) return "leaf: bits 49:48 are RES0";
  if (bit(raw, 50)) return "leaf: GP is RES0 without FEAT_BTI";
  if (bit(raw, 51)) return "leaf: DBM is RES0 without FEAT_HAFDBS";
  if (bits(raw, 63, 55) != 0) return "leaf: bits 63:55 have no use yet";
  if (bit(raw, 5)) return "leaf: NS is RES0 outside Secure state";
  if (level == 1 && bits(raw, 29, 12) != 0) return "1 GiB block: bits 29:12 must be 0";
  if (level == 2 && bits(raw, 20, 12) != 0) return "2 MiB block: bits 20:12 must be 0";
  if (bits(raw, 9, 8) == 0b01) return "leaf: SH = 0b01 is reserved";
  if (bits(raw, 4, 2) > 3) return "leaf: AttrIndx names a slot without a type";
  if (memory_of(bits(raw, 4, 2)) == Memory::write_back && bits(raw, 9, 8) != 0b11)
    return "leaf: cached memory that is not inner shareable";
  return nullptr;
}

}  // namespace

VmsaDecoder::VmsaDecoder(bool high_half, unsigned va_bits) {
  high = high_half;
  index_bits = 9;
  // 12 bits are the offset in the page; each level below the root resolves 9.
  unsigned left = va_bits - 12;
  first_level = 3;
  while (left > 9) {
    left -= 9;
    --first_level;
  }
  root_bits = left;
  group = {1, 1, 16, 16};
}

Decoded VmsaDecoder::decode(unsigned level, u64 raw) const {
  if (!bit(raw, 0)) return {};
  if (!bit(raw, 1)) {
    if (level == 0) return reserved("0b01 at L0: there are no 512 GiB blocks");
    if (level == 3) return reserved("0b01 at L3: a block where only pages are");
  } else if (level != 3) {
    return decode_vmsa_table(raw);
  }
  if (const char* complaint = vmsa_leaf_complaint(level, raw)) return reserved(complaint);

  const bool ap1 = bit(raw, 6), ap2 = bit(raw, 7);  // EL0 may access; read-only
  Leaf leaf;
  leaf.level = level;
  leaf.pa = raw & 0x0000'ffff'ffff'f000;
  leaf.memory = memory_of(bits(raw, 4, 2));
  leaf.el1_write = !ap2;
  leaf.el0_read = ap1;
  leaf.el0_write = ap1 && !ap2;
  leaf.el0_execute = !bit(raw, 54);
  leaf.el1_execute = !bit(raw, 53) && !leaf.el0_write;  // EL0's writable pages are never EL1's code
  leaf.global = !bit(raw, 11);
  leaf.accessed = bit(raw, 10);
  leaf.contiguous = bit(raw, 52);
  return {.is = Decoded::Is::leaf, .leaf = leaf};
}

ToyDecoder::ToyDecoder(bool high_half, unsigned levels) {
  high = high_half;
  index_bits = root_bits = 4;
  first_level = 4 - levels;
  group = {1, 1, 2, 4};
}

Decoded ToyDecoder::decode(unsigned level, u64 raw) const {
  if (!bit(raw, 63)) return raw == 0 ? Decoded{} : reserved("invalid but not zero");
  if (!bit(raw, 62)) {
    if (level == 3) return reserved("a table below the last level");
    if ((raw & 0x7fff'fff0'0000'000f) != 0) return reserved("table with other bits");
    return {.is = Decoded::Is::table, .table = bits(raw, 35, 4) << 12};
  }
  if (bits(raw, 3, 0) != 8 + level) return reserved("leaf of another level");
  if (level <= first_level) return reserved("leaf in the root");
  if (bits(raw, 61, 49) != 0 || bit(raw, 43) || bits(raw, 39, 36) != 0)
    return reserved("leaf with other bits");

  Leaf leaf;
  leaf.level = level;
  leaf.pa = bits(raw, 35, 4) << 12;
  if (leaf.pa % span(level) != 0) return reserved("misaligned block");
  leaf.memory = static_cast<Memory>(bits(raw, 45, 44));
  const bool user = bit(raw, 40), write = bit(raw, 41), execute = !bit(raw, 42);
  leaf.el1_write = write;
  leaf.el1_execute = execute && !user;
  leaf.el0_read = user;
  leaf.el0_write = user && write;
  leaf.el0_execute = user && execute;
  leaf.global = !bit(raw, 47);
  leaf.accessed = bit(raw, 46);
  leaf.contiguous = bit(raw, 48);
  return {.is = Decoded::Is::leaf, .leaf = leaf};
}

Leaf leaf_for(const Attributes& attributes) {
  Leaf leaf;
  switch (attributes.type) {
    case MemoryType::normal:
      leaf.memory = Memory::write_back;
      break;
    case MemoryType::normal_uncached:
      leaf.memory = Memory::uncached;
      break;
    case MemoryType::device:
      leaf.memory = Memory::device;
      break;
    case MemoryType::device_strict:
      leaf.memory = Memory::device_strict;
      break;
  }
  leaf.el1_write = attributes.write;
  if (attributes.user) {
    leaf.el0_read = true;
    leaf.el0_write = attributes.write;
    leaf.el0_execute = attributes.execute;
  } else {
    leaf.el1_execute = attributes.execute;
  }
  leaf.global = attributes.global;
  leaf.accessed = attributes.accessed;
  return leaf;
}

bool grants(const Leaf& leaf, const Attributes& attributes) {
  Leaf wanted = leaf_for(attributes);
  wanted.level = leaf.level;
  wanted.pa = leaf.pa;
  wanted.contiguous = leaf.contiguous;
  return wanted == leaf;
}

}  // namespace meridian::model
