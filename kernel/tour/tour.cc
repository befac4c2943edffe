// SPDX-License-Identifier: MIT
#include "kernel/tour/tour.h"

namespace meridian {
namespace {

using Section = std::span<const TourStop> (*)();
constexpr Section kSections[] = {halves_stops, crossing_stops, linear_stops, allocator_stops};

bool same_id(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (usize i = 0; i < a.size(); ++i)
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  return true;
}

}  // namespace

bool Evidence::require(bool holds, std::string_view sentence) {
  print(out_, "  {} {}\n", holds ? "[ok]" : "[NO]", sentence);
  ++(holds ? held_ : failed_);
  return holds;
}

void Evidence::require_no_error(Error error, std::string_view sentence) {
  require(false, sentence);
  show("error: {} ({:X})", name_of(error.code), error.about);
}

bool run_stop(Writer& out, const TourStop& stop) {
  print(out, "\n{}  {}\n", stop.id, stop.statement);
  Evidence evidence(out);
  stop.run(evidence);
  print(out, "{} {}\n", stop.id, evidence.passed() ? "PASS" : "FAIL");
  return evidence.passed();
}

const TourStop* find_stop(std::string_view id) {
  for (Section section : kSections)
    for (const TourStop& stop : section())
      if (same_id(stop.id, id)) return &stop;
  return nullptr;
}

bool run_tour(Writer& out) {
  unsigned passed = 0, failed = 0;
  for (Section section : kSections)
    for (const TourStop& stop : section()) ++(run_stop(out, stop) ? passed : failed);
  print(out, "\nTour: {} stops passed, {} failed\n", passed, failed);
  return failed == 0;
}

}  // namespace meridian
