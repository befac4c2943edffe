// SPDX-License-Identifier: MIT
#include "kernel/tour/tour.h"

namespace meridian {
namespace {

using Section = std::span<const TourStop> (*)();
constexpr Section kSections[] = {halves_stops, crossing_stops, linear_stops, allocator_stops,
                                 highmem_stops, user_stops, x86_stops};

bool same_id(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (usize i = 0; i < a.size(); ++i)
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  return true;
}

const char* word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "PASS";
    case Verdict::fail:
      return "FAIL";
    case Verdict::skip:
      return "SKIP";
  }
  UNREACHABLE();
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

void Evidence::does_not_apply(std::string_view reason) {
  print(out_, "  [--] {}\n", reason);
  applies_ = false;
}

Verdict Evidence::verdict() const {
  if (failed_ != 0) return Verdict::fail;
  if (!applies_) return Verdict::skip;
  return held_ != 0 ? Verdict::pass : Verdict::fail;
}

Verdict run_stop(Writer& out, const TourStop& stop) {
  print(out, "\n{}  {}\n", stop.id, stop.statement);
  Evidence evidence(out);
  stop.run(evidence);
  print(out, "{} {}\n", stop.id, word_for(evidence.verdict()));
  return evidence.verdict();
}

const TourStop* find_stop(std::string_view id) {
  for (Section section : kSections)
    for (const TourStop& stop : section())
      if (same_id(stop.id, id)) return &stop;
  return nullptr;
}

bool run_tour(Writer& out) {
  unsigned count[3] = {};
  for (Section section : kSections)
    for (const TourStop& stop : section()) ++count[static_cast<usize>(run_stop(out, stop))];
  print(out, "\nTour: {} passed, {} failed, {} skipped\n", count[0], count[1], count[2]);
  return count[static_cast<usize>(Verdict::fail)] == 0;
}

}  // namespace meridian
