// SPDX-License-Identifier: MIT
/// kmap, kunmap: addresses for frames, borrowed by hand; kmapinfo: the window that they come from.
/// What was mapped by hand is remembered, and only that can be given back.
#include <array>

#include "kernel/shell/command.h"
#include "kernel/sync/spinlock.h"
#include "mm/frames/frames.h"
#include "mm/kernel/kmap.h"
#include "mm/layout/layout.h"

namespace meridian {
namespace {

/// The frames mapped by hand, one place for each time. Frame 0 stands for no frame: RAM has none.
class Borrowed {
 public:
  constexpr Borrowed() = default;

  /// Puts `with` in the place of one `frame`; false if there is none.
  bool replace(Frame frame, Frame with) {
    for (Frame& place : places_) {
      if (place != frame) continue;
      place = with;
      return true;
    }
    return false;
  }
  static constexpr usize size() { return kPlaces; }

 private:
  static constexpr usize kPlaces = 64;
  std::array<Frame, kPlaces> places_{};
};

constinit Locked<Borrowed> borrowed;

bool remember(Frame frame) {
  return borrowed.with([&](Borrowed& all) { return all.replace(Frame(), frame); });
}
bool forget(Frame frame) {
  return borrowed.with([&](Borrowed& all) { return all.replace(frame, Frame()); });
}

Result<Frame> frame_argument(Args& args) {
  constexpr u64 kMostFrames = MemoryMap::kPhysicalEnd >> kPageShift;
  const Frame frame = Frame::from_number(TRY(args.number("PFN", kMostFrames - 1)));
  if (frame_state(frame).owner == FrameOwner::none) return args.refuse("is no frame of RAM");
  TRY(args.end());
  return frame;
}

Result<void> cmd_kmap(Writer& out, Args& args) {
  const Frame frame = TRY(frame_argument(args));
  const VirtAddr address = VirtAddr::of(TRY(kmap(frame)));
  if (!remember(frame)) {
    kunmap(frame);
    return Error{Errc::out_of_slots, Borrowed::size()};
  }
  print(out, "PFN {:X}, physical {}, is at {} ({})\n", frame.number(), frame.address(), address,
        current_layout().region_of(address).name);
  return {};
}
SHELL_COMMAND("kmap", "kmap PFN", "borrow an address for a frame", cmd_kmap, CommandGroup::memory);

Result<void> cmd_kunmap(Writer& out, Args& args) {
  const Frame frame = TRY(frame_argument(args));
  if (!forget(frame)) {
    print(out, "kunmap: PFN {:X} was not mapped by hand\n", frame.number());
    return Error{Errc::failed, 1};
  }
  kunmap(frame);
  return {};
}
SHELL_COMMAND("kunmap", "kunmap PFN", "give back what kmap lent", cmd_kunmap, CommandGroup::memory);

Result<void> cmd_kmapinfo(Writer& out, Args& args) {
  TRY(args.end());
  const KmapStats stats = kmap_stats();
  const Region& window = current_layout().region(RegionKind::pkmap);
  print(out, "window       {:X} to {:X}, {} slots\n", window.first, window.last, stats.slots);
  print(out, "in use       {}\n", stats.used);
  print(out, "lazily freed {}\n", stats.lazy);
  print(out, "flushes      {}\n", stats.flushes);
  return {};
}
SHELL_COMMAND("kmapinfo", "kmapinfo", "the slots of kmap: in use, lazily freed, flushes",
              cmd_kmapinfo, CommandGroup::memory);

}  // namespace
}  // namespace meridian
