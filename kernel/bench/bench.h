// SPDX-License-Identifier: MIT
/// The rulers inside the kernel: one row an operation, the same names and loops as the ones that
/// were run inside Linux, so that the figures can stand side by side.
///
/// A figure is instructions only under QEMU's `-icount shift=0`, where the virtual counter advances
/// one nanosecond per instruction; without it the rows are nanoseconds of an emulator, and say
/// nothing.
#pragma once

#include <span>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"

namespace meridian {

/// What a row is measured with. A row calls start() and stop() around its loop, or measures
/// several.
class BenchRun {
 public:
  BenchRun(Writer& out, std::string_view name) : out_(out), name_(name) {}

  void start();
  /// Prints "KBENCH name ops figure" for the time since start().
  void stop(u64 operations);

 private:
  Writer& out_;
  std::string_view name_;
  u64 started_ = 0;
};

struct BenchRow {
  std::string_view name;
  Result<void> (*run)(BenchRun&);
};

std::span<const BenchRow> frame_rows();
std::span<const BenchRow> kmalloc_rows();
std::span<const BenchRow> mapping_rows();
/// Linux's lib/test_vmalloc.c, described in words and written anew.
std::span<const BenchRow> vmalloc_test_rows();

/// Runs the rows whose name begins with `prefix` (all if empty). Errc::not_found if there is none;
/// the first error of a row otherwise.
Result<void> run_bench(Writer& out, std::string_view prefix);

}  // namespace meridian
