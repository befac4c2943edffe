// SPDX-License-Identifier: MIT
/// Address spaces side by side, as data: the layouts that this kernel can run under, and two that
/// it cannot; how each architecture resolves an address; and what the numbers do not say, each fact
/// with the document or header that says it.
#pragma once

#include <optional>
#include <span>

#include "kernel/lib/fixed_vector.h"
#include "mm/layout/layout.h"

namespace meridian {

/// Who has the same hardware, and the same habits.
enum class LayoutFamily : u8 { arm64, x86_64, i386, mac_os_x };
inline constexpr LayoutFamily kLayoutFamilies[] = {LayoutFamily::arm64, LayoutFamily::x86_64,
                                                   LayoutFamily::i386, LayoutFamily::mac_os_x};

/// How the tables below one root resolve an address.
struct AddressSplit {
  unsigned bits;                             // that are resolved, from bit 0
  unsigned index_bits;                       // at each level but, perhaps, the first
  std::span<const std::string_view> levels;  // of the architecture, the last one is the last read

  constexpr unsigned depth() const {
    return static_cast<unsigned>(divide_up(bits - kPageShift, index_bits));
  }
  /// The levels that are read, 0 being the first.
  constexpr std::string_view name(unsigned nth) const {
    return levels[levels.size() - depth() + nth];
  }
  constexpr unsigned shift(unsigned nth) const {
    return kPageShift + (depth() - 1 - nth) * index_bits;
  }
  /// Address bits that index the nth table.
  constexpr unsigned width(unsigned nth) const { return nth == 0 ? bits - shift(0) : index_bits; }
  constexpr unsigned index(unsigned nth, u64 va) const {
    return static_cast<unsigned>((va >> shift(nth)) & low_ones(width(nth)));
  }
};

/// One address space.
struct Column {
  std::string_view name, title;
  LayoutFamily family;
  AddressSplit split;
  const Layout* layout;     // null: no more than its shape is documented
  std::string_view source;  // of the layout's numbers

  /// An address as one writes it there: 32 bits, or 64.
  constexpr bool is_32_bit() const { return split.bits == 32; }
};
std::span<const Column> compared_columns();

/// What holds of a family, and who says so.
struct Fact {
  std::string_view value, source;
};
struct FactRow {
  std::string_view topic;
  Fact facts[std::size(kLayoutFamilies)];

  constexpr const Fact& of(LayoutFamily family) const { return facts[static_cast<usize>(family)]; }
};
std::span<const FactRow> compared_facts();

/// A field of a descriptor (page-table entry); without a name there is none.
struct EntryField {
  std::string_view name;
  unsigned high = 0, low = 0;
  std::string_view note = {};
};
/// What says the same in each architecture's entries.
struct EntryRow {
  std::string_view meaning;
  EntryField arm64, x86_64, i386;
};
std::span<const EntryRow> compared_entries();
/// Where all of a family's entry fields are described.
std::string_view entry_source(LayoutFamily family);

/// What an address is in one column. Where only the shape is known, there is neither region nor
/// index.
struct DecodedAddress {
  u64 va;      // as the column has it: on i386 sign-extended if it is the kernel's
  bool valid;  // not in the hole; not more than 32 bits where there are 32
  const Region* region = nullptr;
  FixedVector<unsigned, 5> indexes{};  // in the table of each level, if valid
};
DecodedAddress decode_address(const Column& column, u64 va);

}  // namespace meridian
