// SPDX-License-Identifier: MIT
/// Descriptors in words.
#include "arch/aarch64/vmsa/descriptor.h"

namespace meridian::arch {

namespace {

const char* name_of(MemoryType type) {
  switch (type) {
    case MemoryType::normal:
      return "normal";
    case MemoryType::normal_uncached:
      return "normal uncached";
    case MemoryType::device:
      return "device nGnRE";
    case MemoryType::device_strict:
      return "device nGnRnE";
  }
  UNREACHABLE();
}

const char* name_of_sh(u64 value) {
  static constexpr const char* kNames[] = {"non-shareable", "SH reserved", "outer shareable",
                                           "inner shareable"};
  return kNames[value];
}

void print_rights(Writer& out, const Rights& rights) {
  print(out, "{}{}{}", rights.read ? 'r' : '-', rights.write ? 'w' : '-',
        rights.execute ? 'x' : '-');
}

void describe_table(Writer& out, u64 raw) {
  const TablePermission limit = Descriptor::APTable::decode(raw);
  const bool no_el0 = limit == TablePermission::no_el0 || limit == TablePermission::no_el0_no_write;
  const bool no_write =
      limit == TablePermission::no_write || limit == TablePermission::no_el0_no_write;

  print(out, "table {}", Descriptor(raw).output().address());
  if (no_el0) print(out, ", nothing below for EL0");
  if (no_write) print(out, ", nothing below writable");
  if (Descriptor::PXNTable::is_set(raw)) print(out, ", nothing below executable at EL1");
  if (Descriptor::UXNTable::is_set(raw)) print(out, ", nothing below executable at EL0");
  if (Descriptor::NSTable::is_set(raw)) print(out, ", NSTable");
}

void describe_leaf(Writer& out, const Descriptor& leaf, Level level) {
  const u64 raw = leaf.raw();
  if (level == Level::L3)
    print(out, "page ");
  else
    print(out, "{} block ", Bytes{entry_span(level)});
  print(out, "{}, EL1 ", leaf.output().address());
  print_rights(out, leaf.el1_rights());
  print(out, ", EL0 ");
  print_rights(out, leaf.el0_rights());
  print(out, ", {}, {}", name_of(type_of(Descriptor::AttrIndx::decode(raw))),
        name_of_sh((raw & Descriptor::SH::kMask) >> Descriptor::SH::kLow));
  print(out, ", {}", Descriptor::nG::is_set(raw) ? "tagged with the ASID" : "global");
  if (!Descriptor::AF::is_set(raw)) print(out, ", not accessed yet");
  if (Descriptor::Contiguous::is_set(raw)) print(out, ", contiguous");
  if (Descriptor::DBM::is_set(raw)) print(out, ", DBM");
  if (Descriptor::GP::is_set(raw)) print(out, ", guarded");
}

}  // namespace

const char* name_of(Problem problem) {
  switch (problem) {
    case Problem::reserved_type:
      return "a block where none may be";
    case Problem::reserved_bits:
      return "reserved bits set";
    case Problem::misaligned_output:
      return "output address not aligned to the block";
    case Problem::reserved_shareability:
      return "reserved shareability";
    case Problem::unknown_memory_type:
      return "memory type without a slot in MAIR";
    case Problem::write_and_execute:
      return "writable and executable";
    case Problem::executable_device:
      return "executable device memory";
    case Problem::kernel_executes_user:
      return "user page executable at EL1";
    case Problem::user_executes_kernel:
      return "kernel page executable at EL0";
    case Problem::user_page_in_high_half:
      return "user page in the kernel half";
    case Problem::global_in_low_half:
      return "global page in the user half";
  }
  UNREACHABLE();
}

void format_value(Writer& out, const Problems& problems, const FormatSpec&) {
  bool first = true;
  for (const Problem problem : kProblems) {
    if (!problems.has(problem)) continue;
    print(out, "{}{}", first ? "" : "; ", name_of(problem));
    first = false;
  }
}

void Descriptor::describe(Writer& out, Level level) const {
  switch (kind(level)) {
    case Kind::invalid:
      print(out, "invalid{}", Valid::is_set(raw_) ? " (reserved type)" : "");
      return;
    case Kind::table:
      return describe_table(out, raw_);
    case Kind::leaf:
      return describe_leaf(out, *this, level);
  }
}

}  // namespace meridian::arch
