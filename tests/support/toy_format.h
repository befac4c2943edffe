// SPDX-License-Identifier: MIT
/// A translation-table format that no CPU has, to show that the paging engine knows none. Tables
/// have 16 entries, so that small address spaces have many of them; each bit lies somewhere else
/// than on Arm, some mean the opposite, and a valid entry carries its level, so that an engine
/// which asks about the wrong level is caught. Four levels make 256 MiB, three make 16 MiB.
///
///   63 valid   62 leaf   48 contiguous   47 private (not global)   46 accessed   45:44 memory type
///   42 no execute   41 write   40 user   35:4 frame number   3:0 8 + level
#pragma once

#include "kernel/lib/bits.h"
#include "mm/paging/format.h"

namespace meridian::toy {

inline constexpr unsigned kIndexBits = 4;

class Entry {
 public:
  constexpr Entry() = default;
  constexpr explicit Entry(u64 raw) : raw_(raw) {}

  static constexpr Entry table(Frame next) {
    return Entry(Valid::kSet | Output::encode(next.number()));
  }
  static constexpr Entry leaf(Level level, Frame frame, Attributes wanted) {
    CHECK(is_aligned(frame.number(), u64{1} << kIndexBits * (3 - number_of(level))));
    return Entry(Valid::kSet | Leaf::kSet | Contiguous::encode(wanted.contiguous) |
                 Private::encode(!wanted.global) | Accessed::encode(wanted.accessed) |
                 Type::encode(wanted.type) | NoExecute::encode(!wanted.execute) |
                 Write::encode(wanted.write) | User::encode(wanted.user) |
                 Output::encode(frame.number()) | Mark::encode(8 + number_of(level)));
  }

  constexpr u64 raw() const { return raw_; }
  constexpr Kind kind(Level level) const {
    if (!Valid::is_set(raw_)) return Kind::invalid;
    if (!Leaf::is_set(raw_)) return Kind::table;
    CHECK(Mark::decode(raw_) == 8 + number_of(level));
    return Kind::leaf;
  }
  constexpr Frame output() const { return Frame::from_number(Output::decode(raw_)); }
  constexpr Entry with_output(Frame frame) const {
    return Entry(Output::replace(raw_, frame.number()));
  }
  constexpr Entry advanced(u64 frames) const { return Entry(raw_ + (frames << Output::kLow)); }
  constexpr Attributes attributes(Level level) const {
    CHECK(kind(level) == Kind::leaf);
    return {.type = Type::decode(raw_),
            .user = User::is_set(raw_),
            .write = Write::is_set(raw_),
            .execute = !NoExecute::is_set(raw_),
            .global = !Private::is_set(raw_),
            .accessed = Accessed::is_set(raw_),
            .contiguous = Contiguous::is_set(raw_)};
  }

 private:
  using Valid = Bit<63>;
  using Leaf = Bit<62>;
  using Contiguous = Bit<48>;
  using Private = Bit<47>;
  using Accessed = Bit<46>;
  using Type = Field<45, 44, MemoryType>;
  using NoExecute = Bit<42>;
  using Write = Bit<41>;
  using User = Bit<40>;
  using Output = Field<35, 4>;
  using Mark = Field<3, 0>;

  u64 raw_ = 0;
};

/// A half of `levels` levels. Leaves are 4 KiB, 64 KiB and, if there are four levels, 1 MiB; four
/// pages or two 64 KiB blocks may be contiguous.
class Geometry {
 public:
  constexpr Geometry(bool high, unsigned levels) : high_(high), levels_(levels) {}

  constexpr Level first_level() const { return static_cast<Level>(4 - levels_); }
  constexpr u64 entry_span(Level level) const {
    return kPageSize << kIndexBits * (3 - number_of(level));
  }
  constexpr usize entries(Level) const { return usize{1} << kIndexBits; }
  constexpr usize index(Level level, VirtAddr va) const {
    return va.value() / entry_span(level) % entries(level);
  }
  static constexpr usize table_index(Level level, VirtAddr va) {
    return va.value() / (kPageSize << kIndexBits * (3 - number_of(level))) % 16;
  }
  constexpr bool can_map(Level level) const { return level > first_level(); }
  constexpr usize contiguous_entries(Level level) const {
    if (level == Level::L3) return 4;
    return level == Level::L2 ? 2 : 1;
  }
  constexpr bool contains(VirtAddr va) const {
    const u64 size = entry_span(first_level()) * entries(first_level());
    return high_ ? va.value() >= ~u64{0} - (size - 1) : va.value() < size;
  }

 private:
  bool high_;
  unsigned levels_;
};

struct Format {
  using Entry = toy::Entry;
  using Geometry = toy::Geometry;
  static constexpr unsigned kOutputBits = 44;
};
static_assert(PagingFormat<Format>);

}  // namespace meridian::toy
