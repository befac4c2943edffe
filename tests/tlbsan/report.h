// SPDX-License-Identifier: MIT
/// What the model has found, one line of `name=value` words each; run.py makes them readable.
#pragma once

#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <tuple>

namespace tlbsan {

enum class Kind : uint8_t {
  stale_leaf,
  stale_table,
  tlbi_before_dsb,
  use_before_completion,
  no_break_before_make,
  global_conflict,
  freed_table,
  asid_reuse,
  use_before_dsb,
  use_before_isb,
  untranslated,  // QEMU allowed what the tables forbid, and no entry explains it
};
const char* name_of(Kind kind);

struct Change;

struct Report {
  Kind kind;
  unsigned cpu = 0, el = 0;
  uint64_t pc = 0, va = 0;
  uint16_t asid = 0;
  const char* access = "";       // "load", "store", "fetch", "tlbi", "msr"
  std::string what = {};         // in what way, in words
  uint64_t cached = 0, now = 0;  // descriptors
  const Change* change = nullptr;
  std::string missing = {};  // the instruction that should have been
};

struct Counts {
  uint64_t accesses = 0, fetches = 0, invalidations = 0, table_stores = 0, walks = 0, reports = 0;
};

class Reporter {
 public:
  void open(const char* path);
  /// The same finding at the same place is told once.
  void add(const Report& report);
  void finish(uint64_t vectors);

  Counts counts;

 private:
  std::FILE* file_ = stderr;
  std::set<std::tuple<Kind, uint64_t, uint64_t>> told_;
};

}  // namespace tlbsan
