// SPDX-License-Identifier: MIT
/// bench: what operations cost. Instructions, if QEMU counts them (ICOUNT=1).
#include "kernel/bench/bench.h"
#include "kernel/shell/command.h"

namespace meridian {
namespace {

Result<void> cmd_bench(Writer& out, Args& args) {
  const std::string_view prefix = args.more() ? TRY(args.word("ROW")) : std::string_view{};
  TRY(args.end());
  const Result<void> done = run_bench(out, prefix);
  if (!done.has_value() && done.error().code == Errc::not_found)
    return args.refuse("begins the name of no row");
  return done;
}

SHELL_COMMAND("bench", "bench [ROW]", "time the rows whose names begin with ROW", cmd_bench,
              CommandGroup::checks);

}  // namespace
}  // namespace meridian
