// SPDX-License-Identifier: MIT
/// A VMSAv8-64 stage 1 descriptor: one 64-bit word read by the MMU (Arm ARM D8.3, "Translation
/// table descriptor formats"; EL1&0 regime, 48-bit output addresses). The same bits mean different
/// things at different levels, so every question about a descriptor names the level.
#pragma once

#include "arch/aarch64/vmsa/geometry.h"
#include "arch/aarch64/vmsa/memory_types.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "kernel/lib/seeded_bugs.h"
#include "mm/frame.h"
#include "mm/paging/attributes.h"
#include "mm/paging/format.h"

namespace meridian::arch {

/// AP[2:1], bits 7 and 6. EL1 may always read.
enum class AccessPermission : u8 { el1_rw = 0b00, el0_rw = 0b01, el1_ro = 0b10, el0_ro = 0b11 };

/// APTable, bits 62 and 61 of a table descriptor: what it takes away below itself.
enum class TablePermission : u8 {
  all = 0b00,
  no_el0 = 0b01,
  no_write = 0b10,
  no_el0_no_write = 0b11
};

/// What one exception level may do with a page.
struct Rights {
  bool read = false, write = false, execute = false;
  friend constexpr bool operator==(const Rights&, const Rights&) = default;
};

/// What can be wrong with a descriptor: it is malformed, or it grants what this kernel never
/// grants.
enum class Problem : u8 {
  reserved_type,          // a block where no block may be: the MMU reads it as invalid
  reserved_bits,          // a RES0 bit is set
  misaligned_output,      // a block whose output address is not aligned to its size
  reserved_shareability,  // SH = 0b01
  unknown_memory_type,    // AttrIndx names a slot of MAIR that holds no type of ours
  write_and_execute,      // W^X broken, at either exception level
  executable_device,      // instruction fetches may read the device
  kernel_executes_user,   // EL0 can reach it and EL1 may execute it
  user_executes_kernel,   // EL0 cannot read it but may execute it
  user_page_in_high_half,
  global_in_low_half,  // the TLB would keep it across processes
};
inline constexpr Problem kProblems[] = {
    Problem::reserved_type,          Problem::reserved_bits,        Problem::misaligned_output,
    Problem::reserved_shareability,  Problem::unknown_memory_type,  Problem::write_and_execute,
    Problem::executable_device,      Problem::kernel_executes_user, Problem::user_executes_kernel,
    Problem::user_page_in_high_half, Problem::global_in_low_half,
};
/// A phrase for a report: "writable and executable".
const char* name_of(Problem problem);

/// A set of Problems.
class Problems {
 public:
  constexpr Problems() = default;
  constexpr void add_if(bool condition, Problem problem) {
    if (condition) bits_ |= bit(problem);
  }
  constexpr bool has(Problem problem) const { return (bits_ & bit(problem)) != 0; }
  constexpr bool is_empty() const { return bits_ == 0; }
  constexpr bool is_just(Problem problem) const { return bits_ == bit(problem); }

  /// The phrases, separated by "; "; nothing if there are none.
  friend void format_value(Writer& out, const Problems& problems, const FormatSpec&);
  friend constexpr bool operator==(const Problems&, const Problems&) = default;

 private:
  static constexpr u16 bit(Problem problem) {
    return static_cast<u16>(1u << static_cast<unsigned>(problem));
  }
  u16 bits_ = 0;
};

class Descriptor {
 public:
  // Every descriptor.
  using Valid = Bit<0>;
  using TableOrPage = Bit<1>;                     // a leaf sets it at L3 and clears it at L1 and L2
  using OA = Field<kOutputBits - 1, kPageShift>;  // a frame number: the next table or the output

  // Leaves.
  using AttrIndx = Field<4, 2, MairSlot>;
  using NS = Bit<5>;  // RES0 outside Secure state
  using AP = Field<7, 6, AccessPermission>;
  using SH = Field<9, 8, Shareability>;
  using AF = Bit<10>;
  using nG = Bit<11>;
  using RES0_leaf = Field<49, 48>;
  using GP = Bit<50>;   // guarded page (FEAT_BTI)
  using DBM = Bit<51>;  // dirty bit modifier (FEAT_HAFDBS)
  using Contiguous = Bit<52>;
  using PXN = Bit<53>;
  using UXN = Bit<54>;
  using Software = Field<58, 55>;  // ours to use
  using PBHA = Field<62, 59>;

  // Tables: limits on everything below.
  using RES0_table = Field<50, 48>;
  using PXNTable = Bit<59>;
  using UXNTable = Bit<60>;
  using APTable = Field<62, 61, TablePermission>;
  using NSTable = Bit<63>;

  /// The invalid descriptor.
  constexpr Descriptor() = default;
  constexpr explicit Descriptor(u64 raw) : raw_(raw) {}

  /// Points to the table of the next level, without limits.
  static constexpr Descriptor table(Frame next) {
    return Descriptor(Valid::kSet | TableOrPage::kSet | OA::encode(next.number()));
  }

  /// Maps the page or block that starts at `output` as `wanted` says. A total function of the
  /// attributes: what must not be mapped (W^X) is problems()' business and the mapper's. CHECKs
  /// that `level` has leaves, and that `output` is aligned to the leaf and has at most 48 bits.
  static constexpr Descriptor leaf(Level level, Frame output, const Attributes& wanted) {
    CHECK(can_be_leaf(level));
    CHECK(output.address().is_aligned(arch::entry_span(level)));
    const u64 type = Valid::kSet | (level == Level::L3 ? TableOrPage::kSet : 0);
    return Descriptor(type | OA::encode(output.number()) | encode(wanted));
  }

  constexpr u64 raw() const { return raw_; }

  /// What the MMU takes this for at `level`. A block encoding at L0 or L3 is reserved, and reads as
  /// invalid.
  constexpr Kind kind(Level level) const {
    if (!Valid::is_set(raw_)) return Kind::invalid;
    if (TableOrPage::is_set(raw_)) return level == Level::L3 ? Kind::leaf : Kind::table;
    return level != Level::L3 && can_be_leaf(level) ? Kind::leaf : Kind::invalid;
  }

  /// The next table, or the first frame of a well-formed leaf.
  constexpr Frame output() const { return Frame::from_number(OA::decode(raw_)); }

  /// The same descriptor with another output. CHECKs that it has at most 48 bits.
  constexpr Descriptor with_output(Frame output) const {
    return Descriptor(OA::replace(raw_, output.number()));
  }

  /// The same leaf `frames` further on. The output must stay within 48 bits: this is for loops that
  /// fill many entries, after one check of the whole.
  constexpr Descriptor advanced(u64 frames) const {
    return Descriptor(raw_ + (frames << OA::kLow));
  }

  /// What leaf() was told. CHECKs that this is a leaf.
  constexpr Attributes attributes(Level level) const {
    CHECK(kind(level) == Kind::leaf);
    return {
        .type = type_of(AttrIndx::decode(raw_)),
        .user = is_user(),
        .write = is_writable(),
        .execute = !(is_user() ? UXN::is_set(raw_) : PXN::is_set(raw_)),
        .global = !nG::is_set(raw_),
        .accessed = AF::is_set(raw_),
        .contiguous = Contiguous::is_set(raw_),
    };
  }

  /// What a leaf itself grants each exception level, whoever wrote it (SCTLR_EL1.WXN = 0,
  /// PSTATE.PAN aside). Limits in the tables above come on top.
  constexpr Rights el1_rights() const {
    // What EL0 can write, EL1 never executes, whatever PXN says.
    const bool privileged_execute =
        !PXN::is_set(raw_) && AP::decode(raw_) != AccessPermission::el0_rw;
    return {.read = true, .write = is_writable(), .execute = privileged_execute};
  }
  constexpr Rights el0_rights() const {
    return {.read = is_user(), .write = is_user() && is_writable(), .execute = !UXN::is_set(raw_)};
  }

  /// Everything wrong with this descriptor at `level` of a walk in `half`; nothing for an invalid
  /// one, whose other bits are software's.
  constexpr Problems problems(Level level, Half half) const;

  /// All of it in words, one line without a newline: "page 0x... EL1 rw- EL0 --- normal ...".
  void describe(Writer& out, Level level) const;

  friend constexpr bool operator==(const Descriptor&, const Descriptor&) = default;

 private:
  static constexpr u64 encode(const Attributes& a);

  constexpr bool is_user() const {
    const AccessPermission ap = AP::decode(raw_);
    return ap == AccessPermission::el0_rw || ap == AccessPermission::el0_ro;
  }
  constexpr bool is_writable() const {
    const AccessPermission ap = AP::decode(raw_);
    return ap == AccessPermission::el1_rw || ap == AccessPermission::el0_rw;
  }
  constexpr void add_form_problems(Problems& found, Level level) const;
  constexpr void add_rights_problems(Problems& found, Half half) const;

  u64 raw_ = 0;
};

constexpr u64 Descriptor::encode(const Attributes& a) {
  const AccessPermission ap = a.user
                                  ? (a.write ? AccessPermission::el0_rw : AccessPermission::el0_ro)
                                  : (a.write ? AccessPermission::el1_rw : AccessPermission::el1_ro);
  // EL1 never executes a user page and EL0 never a kernel page, so one of the two is always set.
  const bool pxn = a.user || !a.execute;
  const bool uxn = !a.user || !a.execute;
  return AttrIndx::encode(slot_of(a.type)) | AP::encode(ap) | SH::encode(shareability_of(a.type)) |
         AF::encode(a.accessed) | nG::encode(!a.global && !seeded(Bug::user_page_global)) |
         Contiguous::encode(a.contiguous) | PXN::encode(pxn) | UXN::encode(uxn);
}

constexpr Problems Descriptor::problems(Level level, Half half) const {
  Problems found;
  if (!Valid::is_set(raw_)) return found;
  switch (kind(level)) {
    case Kind::invalid:
      found.add_if(true, Problem::reserved_type);
      break;
    case Kind::table:
      found.add_if((raw_ & RES0_table::kMask) != 0, Problem::reserved_bits);
      break;
    case Kind::leaf:
      add_form_problems(found, level);
      add_rights_problems(found, half);
      break;
  }
  return found;
}

constexpr void Descriptor::add_form_problems(Problems& found, Level level) const {
  const u64 sh = (raw_ & SH::kMask) >> SH::kLow;
  bool known_type = false;
  for (MairSlot slot : kMairSlots) known_type |= slot == AttrIndx::decode(raw_);

  found.add_if((raw_ & (RES0_leaf::kMask | NS::kMask)) != 0, Problem::reserved_bits);
  found.add_if(!output().address().is_aligned(arch::entry_span(level)), Problem::misaligned_output);
  found.add_if(sh == 0b01, Problem::reserved_shareability);
  found.add_if(!known_type, Problem::unknown_memory_type);
}

constexpr void Descriptor::add_rights_problems(Problems& found, Half half) const {
  const Rights el1 = el1_rights(), el0 = el0_rights();
  const bool executable = el1.execute || el0.execute;

  found.add_if((el1.write || el0.write) && executable, Problem::write_and_execute);
  found.add_if(executable && is_device(type_of(AttrIndx::decode(raw_))),
               Problem::executable_device);
  found.add_if(is_user() && el1.execute, Problem::kernel_executes_user);
  found.add_if(!is_user() && el0.execute, Problem::user_executes_kernel);
  found.add_if(is_user() && half == Half::high, Problem::user_page_in_high_half);
  found.add_if(half == Half::low && !nG::is_set(raw_), Problem::global_in_low_half);
}

// Golden words, worked out by hand from the manual's bit numbers. Kernel text: UXN | OA | AF | SH
// inner | AP el1_ro | AttrIndx 0 | page.
static_assert(Descriptor::leaf(Level::L3, Frame(PhysAddr(0x4008'0000)), kKernelText).raw() ==
              0x0040'0000'4008'0783);
static_assert(Descriptor(0x0040'0000'4008'0783).kind(Level::L3) == Kind::leaf);
static_assert(Descriptor(0x0040'0000'4008'0783).kind(Level::L2) == Kind::table);  // same bits!
// Kernel data as a 2 MiB block: UXN | PXN | OA | AF | SH inner | AP el1_rw | block.
static_assert(Descriptor::leaf(Level::L2, Frame(PhysAddr(0x4020'0000)), kKernelData).raw() ==
              0x0060'0000'4020'0701);
// A device: UXN | PXN | OA | AF | SH outer | AP el1_rw | AttrIndx 2 | page.
static_assert(Descriptor::leaf(Level::L3, Frame(PhysAddr(0x0900'0000)), kDeviceRegisters).raw() ==
              0x0060'0000'0900'060b);
// User text: PXN | OA | nG | AF | SH inner | AP el0_ro | page.
static_assert(Descriptor::leaf(Level::L3, Frame(PhysAddr(0x4123'4000)), kUserText).raw() ==
              0x0020'0000'4123'4fc3);
static_assert(Descriptor::table(Frame(PhysAddr(0x4321'0000))).raw() == 0x0000'0000'4321'0003);

/// The format of <arch/paging.h>.
struct Vmsa {
  using Entry = Descriptor;
  using Geometry = arch::Geometry;
  static constexpr unsigned kOutputBits = arch::kOutputBits;
};
static_assert(PagingFormat<Vmsa>);

}  // namespace meridian::arch
