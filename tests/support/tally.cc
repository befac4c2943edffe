// SPDX-License-Identifier: MIT
#include "tally.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

namespace meridian {
namespace {

struct Tally {
  const char* what;
  std::map<std::string, u64> counts = {};

  /// tests/run.py reads the last line, which is the sum alone.
  void print() const {
    unsigned long long sum = 0;
    for (const auto& [interface, count] : counts) {
      std::printf("%8llu %s: %s\n", static_cast<unsigned long long>(count), what,
                  interface.c_str());
      sum += count;
    }
    std::printf("%llu %s\n", sum, what);
  }
};

Tally& injections() {
  static Tally tally{"allocations failed on purpose"};
  return tally;
}
Tally& bad_inputs() {
  static Tally tally{"bad inputs"};
  return tally;
}

class Report : public testing::Environment {
 public:
  void TearDown() override {
    injections().print();
    bad_inputs().print();
  }
};

[[maybe_unused]] const auto* const kReport = testing::AddGlobalTestEnvironment(new Report);

}  // namespace

void count_injections(const char* interface, u64 count) { injections().counts[interface] += count; }
void count_bad_input(const char* interface) { ++bad_inputs().counts[interface]; }

}  // namespace meridian
