// SPDX-License-Identifier: MIT
#include "kernel/bench/bench.h"

#include <arch/machine.h>

namespace meridian {
namespace {

using Group = std::span<const BenchRow> (*)();
constexpr Group kGroups[] = {frame_rows, kmalloc_rows, mapping_rows, vmalloc_test_rows};

/// Tenths of a nanosecond in `ticks` of the counter.
u64 tenths_of_ns(u64 ticks) { return ticks * (10'000'000'000 / arch::counter_frequency()); }

}  // namespace

void BenchRun::start() { started_ = arch::counter(); }

void BenchRun::stop(u64 operations) {
  const u64 tenths = tenths_of_ns(arch::counter() - started_) / operations;
  print(out_, "KBENCH {:<28} {:>8} {:>8}.{}\n", name_, operations, tenths / 10, tenths % 10);
}

Result<void> run_bench(Writer& out, std::string_view prefix) {
  bool any = false;
  for (Group group : kGroups)
    for (const BenchRow& row : group()) {
      if (!row.name.starts_with(prefix)) continue;
      any = true;
      BenchRun run(out, row.name);
      TRY(row.run(run));
    }
  if (!any) return Error{Errc::not_found};
  return {};
}

}  // namespace meridian
