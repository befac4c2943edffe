// SPDX-License-Identifier: MIT
/// Section B of the tour: the kernel in every process, and what a crossing between the two changes.
#include "kernel/tour/tour.h"

namespace meridian {

std::span<const TourStop> crossing_stops() { return {}; }

}  // namespace meridian
