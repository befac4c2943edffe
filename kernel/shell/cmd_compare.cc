// SPDX-License-Identifier: MIT
/// compare: the address spaces of arm64, x86-64 and i386 side by side, and one address in each.
#include "kernel/lib/decimal_size.h"
#include "kernel/shell/command.h"
#include "mm/frames/frame_table.h"
#include "mm/layout/compare.h"

namespace meridian {
namespace {

bool is_live(const Column& column) { return current_layout().name == column.name; }

/// The start of a line about one column, marked if it is what this kernel runs under.
void begin_line(Writer& out, const Column& column) {
  print(out, "{} {:<14} ", is_live(column) ? '*' : ' ', column.name);
}

/// The start of a line about all columns of a family.
void begin_line(Writer& out, LayoutFamily family) {
  BufferWriter<40> names;
  bool live = false;
  for (const Column& column : compared_columns()) {
    if (column.family != family) continue;
    print(names, "{}{}", names.text().empty() ? "" : ", ", column.name);
    live |= is_live(column);
  }
  print(out, "{} {:<22} ", live ? '*' : ' ', names.text());
}

/// As one writes it in that column.
void print_address(Writer& out, const Column& column, u64 va) {
  if (column.is_32_bit())
    print(out, "{:08x}", va & low_ones(32));
  else
    print(out, "{:016x}", va);
}

void print_range(Writer& out, const Column& column, u64 first, u64 last) {
  print_address(out, column, first);
  out.put('-');
  print_address(out, column, last);
  print(out, "  {}\n", DecimalSize{last - first + 1});
}

void print_region(Writer& out, const Column& column, RegionKind kind) {
  const Region* region = column.layout != nullptr ? column.layout->find(kind) : nullptr;
  if (region == nullptr) return out.write("-\n");
  print_range(out, column, region->first, region->last);
}

/// Both halves of a space of which only the shape is known are all of 32 bits.
void print_whole_space(Writer& out, const Column& column) {
  print_range(out, column, 0, low_ones(column.split.bits));
}

void print_user(Writer& out, const Column& column) {
  if (column.layout == nullptr) return print_whole_space(out, column);
  print_region(out, column, RegionKind::user);
}
void print_kernel(Writer& out, const Column& column) {
  if (column.layout == nullptr) return print_whole_space(out, column);
  print_range(out, column, ~low_ones(column.layout->kernel_bits), ~u64{0});
}
/// Under this kernel an i386 layout has a hole all the same: what 32 bits cannot say.
void print_hole(Writer& out, const Column& column) {
  if (!column.is_32_bit()) return print_region(out, column, RegionKind::hole);
  out.write("none\n");
}
template <RegionKind kKind>
void print_region_row(Writer& out, const Column& column) {
  print_region(out, column, kKind);
}
void print_frame_table(Writer& out, const Column& column) {
  if (column.layout != nullptr && column.layout->find(RegionKind::frame_table) == nullptr)
    return out.write("in the direct map\n");
  print_region(out, column, RegionKind::frame_table);
}
void print_image(Writer& out, const Column& column) {
  if (column.layout == nullptr) return out.write("-\n");
  if (column.layout->image_place == ImagePlace::in_linear_map)
    return out.write("in the direct map, where it was loaded\n");
  print_address(out, column, column.layout->image_base);
  out.put('\n');
}
void print_levels(Writer& out, const Column& column) {
  if (column.layout == nullptr) return out.write("-\n");
  const AddressSplit& split = column.split;
  print(out, "{} levels of {} bits:", split.depth(), split.index_bits);
  for (unsigned nth = 0; nth < split.depth(); ++nth)
    print(out, "{} {} {}:{}", nth == 0 ? "" : ",", split.name(nth),
          split.shift(nth) + split.width(nth) - 1, split.shift(nth));
  out.put('\n');
}

/// What has a value of its own in each column.
struct ColumnRow {
  std::string_view title;
  void (*print_value)(Writer&, const Column&);
};
constexpr ColumnRow kColumnRows[] = {
    {"user half", print_user},
    {"kernel half", print_kernel},
    {"hole between them", print_hole},
    {"direct map (all of RAM that fits, at a constant offset)",
     print_region_row<RegionKind::linear>},
    {"vmalloc", print_region_row<RegionKind::vmalloc>},
    {"frame table", print_frame_table},
    {"pkmap (Linux has it on i386 only: the others are this kernel's)",
     print_region_row<RegionKind::pkmap>},
    {"fixmap (2 MiB of i386's are this kernel's)", print_region_row<RegionKind::fixmap>},
    {"image, as linked", print_image},
    {"levels (this kernel walks AArch64's under every layout: see geometry)", print_levels},
};

void print_column_rows(Writer& out) {
  for (const ColumnRow& row : kColumnRows) {
    print(out, "\n{}\n", row.title);
    for (const Column& column : compared_columns()) {
      begin_line(out, column);
      row.print_value(out, column);
    }
  }
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

void print_fact_rows(Writer& out, std::string_view Fact::*part) {
  for (const FactRow& row : compared_facts()) {
    print(out, "\n{}\n", row.topic);
    for (const LayoutFamily family : kLayoutFamilies) {
      begin_line(out, family);
      print(out, "{}\n", or_dash(row.of(family).*part));
    }
  }
}

/// A field's name, its bits, and what is to say of it.
struct Shown {
  const EntryField& field;
};
void format_value(Writer& out, const Shown& shown, const FormatSpec& spec) {
  const EntryField& field = shown.field;
  BufferWriter<40> text;
  if (field.name.empty())
    text.put('-');
  else if (field.high == field.low)
    print(text, "{} {}", field.name, field.high);
  else
    print(text, "{} {}:{}", field.name, field.high, field.low);
  if (!field.note.empty()) print(text, ", {}", field.note);
  format_text(out, text.text(), spec);
}

void print_entry_rows(Writer& out) {
  print(out, "\n{:<22} {:<25} {:<25} {}\n", "bits of an entry", "AArch64", "x86-64", "i386");
  for (const EntryRow& row : compared_entries())
    print(out, "{:<22} {:<25} {:<25} {}\n", row.meaning, Shown{row.arm64}, Shown{row.x86_64},
          Shown{row.i386});
}

void print_comparison(Writer& out) {
  out.write("compare: address spaces side by side (* is what this kernel runs under now)\n");
  for (const Column& column : compared_columns()) {
    begin_line(out, column);
    print(out, "{}\n", column.title);
  }
  print_column_rows(out);
  print_fact_rows(out, &Fact::value);
  print_entry_rows(out);
  print(out, "\nThis kernel's own table has {} bytes for a frame, under every layout.\n",
        sizeof(FrameInfo));
}

void print_sources(Writer& out) {
  out.write("compare: who says so\n\naddresses\n");
  for (const Column& column : compared_columns()) {
    begin_line(out, column);
    print(out, "{}\n", column.source);
  }
  print_fact_rows(out, &Fact::source);
  out.write("\nbits of an entry\n");
  for (const LayoutFamily family :
       {LayoutFamily::arm64, LayoutFamily::x86_64, LayoutFamily::i386}) {
    begin_line(out, family);
    print(out, "{}\n", entry_source(family));
  }
}

/// Where an address that is valid lies, and the entries that a walk for it reads.
void print_place(Writer& out, const Column& column, const DecodedAddress& decoded) {
  const Region& region = *decoded.region;
  if (region.kind == RegionKind::user)
    out.write("user half:");
  else
    print(out, "kernel half, {}:", region.name);
  for (unsigned nth = 0; nth < column.split.depth(); ++nth)
    print(out, " {}[{}]", column.split.name(nth), decoded.indexes[nth]);
  out.put('\n');
}

void print_decoded(Writer& out, const Column& column, u64 va) {
  const DecodedAddress decoded = decode_address(column, va);
  begin_line(out, column);
  if (column.is_32_bit() && !decoded.valid) return out.write("not an address of 32 bits\n");
  if (column.is_32_bit()) {
    print(out, "{:08x} ", decoded.va & low_ones(32));
    if (decoded.va != (decoded.va & low_ones(32))) print(out, "(here {:016x}) ", decoded.va);
  }
  if (column.layout == nullptr) return out.write("a task's or the kernel's: CR3 tells\n");
  if (decoded.valid) return print_place(out, column, decoded);
  const bool arm = column.family == LayoutFamily::arm64;
  print(out, "in the hole: {}\n", arm ? "translation fault, level 0" : "not canonical, #GP");
}

Result<void> cmd_compare(Writer& out, Args& args) {
  const bool sources = args.take("sources");
  std::optional<u64> va;
  if (!sources && args.more()) va = TRY(args.address("VA")).value();
  TRY(args.end());
  if (sources) {
    print_sources(out);
  } else if (va) {
    print(out, "{:016x}\n", *va);
    for (const Column& column : compared_columns()) print_decoded(out, column, *va);
  } else {
    print_comparison(out);
  }
  return {};
}
SHELL_COMMAND("compare", "compare [VA | sources]",
              "arm64, x86-64 and i386 side by side; VA in each; who says so", cmd_compare,
              CommandGroup::address_space);

}  // namespace
}  // namespace meridian
