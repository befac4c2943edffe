// SPDX-License-Identifier: MIT
/// What the machine's physical memory is: the banks of RAM that the device tree names, and the
/// parts of them that are spoken for. Sorted, of fixed size, built once during boot; everything
/// after that only asks. Invariant: banks are whole frames, sorted, disjoint and not adjacent;
/// reservations are whole frames, sorted by address, and may overlap each other and stick out of
/// RAM.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "kernel/lib/result.h"
#include "mm/range.h"

namespace meridian {

/// A reserved piece of memory; `name` must live as long as the map.
struct Reservation {
  PhysRange range;
  std::string_view name;
};

class MemoryMap {
 public:
  static constexpr usize kMaxBanks = 64;
  static constexpr usize kMaxReservations = 64;
  /// Descriptors hold 48-bit addresses, and links of the frame table 36-bit frame numbers.
  static constexpr u64 kPhysicalEnd = u64{1} << 48;

  constexpr MemoryMap() = default;

  /// Adds RAM. It shrinks to whole frames, and joins banks that it meets or touches. On an error
  /// nothing changes: Errc::bad_range (empty, wraps, or no whole frame), Errc::too_large (reaches
  /// above kPhysicalEnd), Errc::out_of_slots.
  Result<void> add_bank(PhysRange range);

  /// Keeps [range] from being given out. It grows to whole frames; where it lies does not matter,
  /// and it may overlap others. Errors as add_bank().
  Result<void> reserve(PhysRange range, std::string_view name);

  /// Keeps only the lowest `bytes` of RAM (rounded down to whole frames), as `mem=` asks.
  void limit_size(u64 bytes);

  /// Forgets RAM at and above `end`, and says how many bytes that were.
  u64 limit_address(PhysAddr end);

  std::span<const PhysRange> banks() const { return {banks_.data(), bank_count_}; }
  std::span<const Reservation> reservations() const {
    return {reservations_.data(), reservation_count_};
  }

  bool is_ram(Frame frame) const;
  bool is_reserved(Frame frame) const;

  /// Frames of RAM in [within], reserved or not.
  u64 ram_frames(FrameRange within) const;

  /// RAM at `end` and above, in bytes.
  u64 bytes_beyond(PhysAddr end) const;

  /// The first run of frames at or after `from` that is RAM and not reserved, as long as it can be;
  /// count 0 when there is none. Frame 0 is never part of one: frame number 0 ends the frame
  /// table's lists.
  FrameRange next_free(Frame from) const;

  /// Calls `visit(FrameRange)` for each free run, lowest first.
  template <typename Visit>
  void for_each_free(Visit&& visit) const {
    for (FrameRange run = next_free(Frame()); run.count != 0; run = next_free(run.end()))
      visit(run);
  }

  /// Calls `visit(PhysRange, std::string_view name, unsigned depth)` in the order of /proc/iomem:
  /// each bank ("System RAM", depth 0), then the reservations that meet it, cut to it (depth 1).
  template <typename Visit>
  void for_each_line(Visit&& visit) const {
    for (const PhysRange& bank : banks()) {
      visit(bank, std::string_view("System RAM"), 0u);
      for (const Reservation& r : reservations())
        if (r.range.overlaps(bank)) visit(intersection(r.range, bank), r.name, 1u);
    }
  }

 private:
  static PhysRange intersection(const PhysRange& a, const PhysRange& b);

  std::array<PhysRange, kMaxBanks> banks_{};
  std::array<Reservation, kMaxReservations> reservations_{};
  usize bank_count_ = 0, reservation_count_ = 0;
};

}  // namespace meridian
