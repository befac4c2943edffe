// SPDX-License-Identifier: MIT
#include "injections.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

namespace meridian {
namespace {

std::map<std::string, u64>& counts() {
  static std::map<std::string, u64> map;
  return map;
}

class Report : public testing::Environment {
 public:
  void TearDown() override {
    u64 total = 0;
    for (const auto& [interface, count] : counts()) {
      std::printf("injected failures: %8llu in %s\n", static_cast<unsigned long long>(count),
                  interface.c_str());
      total += count;
    }
    std::printf("injected failures: %llu\n", static_cast<unsigned long long>(total));
  }
};

[[maybe_unused]] const auto* const kReport = testing::AddGlobalTestEnvironment(new Report);

}  // namespace

void count_injections(const char* interface, u64 count) { counts()[interface] += count; }

}  // namespace meridian
