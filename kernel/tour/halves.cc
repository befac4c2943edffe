// SPDX-License-Identifier: MIT
/// Section A of the tour: one address space, two halves.
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/probe.h>
#include <arch/registers.h>

#include "kernel/tour/tour.h"
#include "mm/layout/layout.h"

namespace meridian {
namespace {

void sizes(Evidence& e) {
  for (const arch::Granule granule : arch::kGranules) {
    const arch::TranslationChoice offer = arch::translation_choice(granule);
    const bool ours = arch::bytes_of(granule) == kPageSize;
    e.show("{} {:>3} pages: {:<17} VA {}..{} bits, up to {} levels, PA {} bits", ours ? '*' : ' ',
           Bytes{arch::bytes_of(granule)}, name_of(offer.support), offer.least_va_bits,
           offer.most_va_bits, offer.most_levels, offer.pa_bits);
    if (!ours) continue;
    e.require(offer.support != arch::GranuleSupport::absent, "this CPU has the granule we use");
    e.require(arch::tcr().kernel_bits() <= offer.most_va_bits, "and as many address bits as we use");
  }
  const arch::Geometry kernel = arch::kernel_geometry();
  e.show("in use: {} pages, {} bits, walks start at L{}", Bytes{kPageSize}, kernel.va_bits(),
         number_of(kernel.first_level()));
}

constexpr TourStop kStops[] = {
    {"A5", "The page size, the levels and the address bits are a choice, and the layout follows from it",
     sizes},
};

}  // namespace

std::span<const TourStop> halves_stops() { return kStops; }

}  // namespace meridian
