// SPDX-License-Identifier: MIT
/// frames: who has each frame of RAM, as runs of frames with one owner.
#include "kernel/shell/command.h"
#include "mm/frames/frames.h"

namespace meridian {
namespace {

/// Neighbours of one zone that one owner has.
struct OwnedRun {
  FrameRange frames;
  FrameOwner owner = FrameOwner::none;
};

void print_run(Writer& out, ZoneKind zone, const OwnedRun& run) {
  if (run.owner == FrameOwner::none) return;  // no RAM, or no run yet
  const PhysRange bytes = run.frames.bytes();
  print(out, "{:016x}-{:016x} {:>10} {:>8}  {}\n", bytes.start().value(), bytes.last().value(),
        run.frames.count, name_of(zone), name_of(run.owner));
}

/// Goes from block to block, so that free memory costs little however much of it there is. Memory
/// that changes hands meanwhile appears as it was when it was looked at.
void print_zone_owners(Writer& out, const ZoneStats& zone) {
  OwnedRun run;
  Frame at = zone.span.first;
  while (at < zone.span.end()) {
    const FrameState state = frame_state(at);
    const Frame next = std::min(state.first + (u64{1} << state.order), zone.span.end());
    if (state.owner != run.owner) {
      print_run(out, zone.kind, run);
      run = {{at, 0}, state.owner};
    }
    run.frames.count += next - at;
    at = next;
  }
  print_run(out, zone.kind, run);
}

Result<void> cmd_frames(Writer& out, Args& args) {
  TRY(args.end());
  for (const ZoneKind zone : {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem})
    print_zone_owners(out, zone_stats(zone));
  return {};
}
SHELL_COMMAND("frames", "frames", "who has each frame of RAM: runs with one owner", cmd_frames,
              CommandGroup::memory);

}  // namespace
}  // namespace meridian
