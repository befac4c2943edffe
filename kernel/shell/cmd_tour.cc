// SPDX-License-Identifier: MIT
/// tour: the statements about virtual memory, each proven on this machine.
#include "kernel/shell/command.h"
#include "kernel/tour/tour.h"

namespace meridian {
namespace {

constexpr u64 kStopFailed = 1;

Result<void> cmd_tour(Writer& out, Args& args) {
  if (!args.more()) {
    if (!run_tour(out)) return Error{Errc::failed, kStopFailed};
    return {};
  }
  const TourStop* stop = find_stop(TRY(args.word("STOP")));
  if (stop == nullptr) return args.refuse("is not a stop of the tour");
  TRY(args.end());
  if (run_stop(out, *stop) == Verdict::fail) return Error{Errc::failed, kStopFailed};
  return {};
}

SHELL_COMMAND("tour", "tour [STOP]", "show what is true of virtual memory here, stop by stop",
              cmd_tour, CommandGroup::checks);

}  // namespace
}  // namespace meridian
