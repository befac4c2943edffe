// SPDX-License-Identifier: MIT
/// geometry: the page sizes, levels and address bits that this CPU offers, and the layout that
/// follows from each choice.
#include <arch/registers.h>

#include "kernel/lib/decimal_size.h"
#include "kernel/shell/command.h"
#include "mm/layout/arm64.h"

namespace meridian {
namespace {

using arch::Granule;

/// What Linux 6.1 lets one choose (arch/arm64/Kconfig: ARM64_VA_BITS_*).
struct Configuration {
  Granule granule;
  unsigned va_bits;
};
constexpr Configuration kConfigurations[] = {
    {Granule::k4, 39},  {Granule::k4, 48},  {Granule::k16, 36}, {Granule::k16, 47},
    {Granule::k16, 48}, {Granule::k64, 42}, {Granule::k64, 48}, {Granule::k64, 52},
};

/// "L0-L3 9+9+9+9": the levels of a walk, and the address bits that each resolves.
struct Levels {
  Granule granule;
  unsigned va_bits;
};
void format_value(Writer& out, const Levels& levels, const FormatSpec& spec) {
  const unsigned depth = arch::levels_for(levels.granule, levels.va_bits);
  const unsigned each = arch::index_bits(levels.granule);
  const unsigned first = levels.va_bits - arch::page_shift(levels.granule) - (depth - 1) * each;
  BufferWriter<32> text;
  print(text, "L{}-L3 {}", number_of(Level::L3) + 1 - depth, first);
  for (unsigned nth = 1; nth < depth; ++nth) print(text, "+{}", each);
  format_text(out, text.text(), spec);
}

/// Does this CPU offer it?
bool is_offered(const Configuration& c) {
  const arch::TranslationChoice offer = arch::translation_choice(c.granule);
  return offer.support != arch::GranuleSupport::absent && offer.least_va_bits <= c.va_bits &&
         c.va_bits <= offer.most_va_bits;
}

/// Is it how both halves are set up now?
bool is_current(const Configuration& c) {
  const arch::Tcr tcr = arch::tcr();
  return tcr.granule(arch::Half::low) == c.granule && tcr.granule(arch::Half::high) == c.granule &&
         tcr.user_bits() == c.va_bits && tcr.kernel_bits() == c.va_bits;
}

void print_offers(Writer& out) {
  for (const Granule granule : arch::kGranules) {
    const arch::TranslationChoice offer = arch::translation_choice(granule);
    print(out, "{:>3} pages: {}", Bytes{arch::bytes_of(granule)}, name_of(offer.support));
    if (offer.support != arch::GranuleSupport::absent)
      print(out, "; VA {}..{} bits, up to {} levels, PA {} bits", offer.least_va_bits,
            offer.most_va_bits, offer.most_levels, offer.pa_bits);
    out.put('\n');
  }
}

void print_configuration(Writer& out, const Configuration& c) {
  print(out, "{} {:>3} {} {:<17} ", is_current(c) ? '*' : ' ', Bytes{arch::bytes_of(c.granule)},
        c.va_bits, Levels{c.granule, c.va_bits});
  if (!is_offered(c)) return out.write("not on this CPU\n");
  const Arm64Addresses a = arm64_addresses(c.va_bits, arch::page_shift(c.granule));
  print(out, "{:016x} {:<6} {:016x} {:016x} {}\n", a.page_offset, DecimalSize{a.linear_size()},
        a.vmalloc_start(), a.vmemmap_start, DecimalSize{a.vmemmap_size()});
}

void print_half(Writer& out, arch::Half half, unsigned va_bits) {
  const std::optional<Granule> granule = arch::tcr().granule(half);
  CHECK(granule.has_value());
  print(out, "  {}: {} pages, {} bits, {}\n", name_of(half), Bytes{arch::bytes_of(*granule)},
        va_bits, Levels{*granule, va_bits});
}

Result<void> cmd_geometry(Writer& out, Args& args) {
  TRY(args.end());
  out.write("this CPU (ID_AA64MMFR0_EL1, ID_AA64MMFR2_EL1):\n");
  print_offers(out);
  out.write("\nwhat Linux 6.1 can choose, and the layout that follows (* is what runs now):\n");
  print(out, "  {:<3} {} {:<17} {:<23} {:<16} {}\n", "", "VA", "levels", "linear map", "vmalloc",
        "frame table");
  for (const Configuration& c : kConfigurations) print_configuration(out, c);
  print(out, "\nnow, under layout {}:\n", current_layout().name);
  print_half(out, arch::Half::low, arch::tcr().user_bits());
  print_half(out, arch::Half::high, arch::tcr().kernel_bits());
  return {};
}
SHELL_COMMAND("geometry", "geometry", "page sizes, levels and address bits: what this CPU offers",
              cmd_geometry, CommandGroup::address_space);

}  // namespace
}  // namespace meridian
