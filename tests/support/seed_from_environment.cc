// SPDX-License-Identifier: MIT
/// MERIDIAN_BUG=NAME gives the code under test one of its seeded bugs, to see which test notices.
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "kernel/lib/seeded_bugs.h"

namespace meridian {
namespace {

[[maybe_unused]] const bool seeded_from_environment = [] {
  const char* const wanted = std::getenv("MERIDIAN_BUG");
  if (wanted == nullptr) return false;
  for (std::size_t i = 0; i < std::size(kBugNames); ++i) {
    if (kBugNames[i] != wanted) continue;
    seeded_bug = static_cast<Bug>(i);
    return true;
  }
  std::fprintf(stderr, "MERIDIAN_BUG=%s is no seeded bug\n", wanted);
  std::exit(2);
}();

}  // namespace
}  // namespace meridian
