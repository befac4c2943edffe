// SPDX-License-Identifier: MIT
/// How memory comes into use. Free memory waits untouched; when a zone runs dry, growth hands it
/// the next piece, at most one section (128 MiB) long, after putting memory behind that section's
/// entries in the frame table: 512 KiB for a whole section, taken from the section itself when it
/// has that much. The growth lock guards it; it nests outside the zones' locks.
#pragma once

#include "mm/frames/early_frames.h"
#include "mm/frames/untouched.h"

namespace meridian {

/// Which pages of the frame table have memory behind them: sorted runs that never touch.
class BackedPages {
 public:
  constexpr BackedPages() = default;
  void add(u64 first, u64 count);
  bool contains(u64 page) const;
  /// The first run of pages within [first, end) that are not backed; count 0 when all are.
  struct Run {
    u64 first, count;
  };
  Run first_gap(u64 first, u64 end) const;
  u64 total() const { return total_; }

 private:
  static constexpr usize kMaxRuns = MemoryMap::kMaxBanks + 8;
  std::array<Run, kMaxRuns> runs_{};
  usize count_ = 0;
  u64 total_ = 0;
};

class Growth : private SpareFrames {
 public:
  static constexpr u64 kSectionFrames = 128_MiB / kPageSize;

  constexpr Growth() = default;

  /// All of `map` but what `early` took becomes untouched memory. `zones` and `table` outlive this.
  /// Without `backing`, memory is behind all of the table already.
  void start(const MemoryMap& map, const EarlyFrames& early, FrameTable& table,
             TableBacking* backing, std::array<Zone, kZones>& zones);

  /// Takes the next piece of a zone's untouched memory, its entries backed; count 0 when there is
  /// none (or no memory for the entries).
  FrameRange next_piece(ZoneKind zone);

  const Untouched& untouched() const { return untouched_; }
  const EarlyFrames& early() const { return early_; }
  const MemoryMap& map() const { return *map_; }
  bool is_started() const { return map_ != nullptr; }
  /// True if the entry of `frame` may be read.
  bool is_backed(Frame frame) const;

 private:
  Result<Frame> take() override;
  Result<void> back_section_of(Frame frame, ZoneKind zone);
  Result<void> back_pages(BackedPages::Run pages, ZoneKind zone);
  Result<u64> put_memory_behind(BackedPages::Run pages, ZoneKind zone);
  FrameRange described_by(BackedPages::Run pages) const;
  FrameRange take_table_memory(ZoneKind zone, u64 count);
  std::optional<Frame> take_from_lists();
  FrameRange used_part_of_section(Frame frame) const;
  void claim_early_frames(FrameRange section);
  u64 table_page(Frame frame) const;

  const MemoryMap* map_ = nullptr;
  FrameTable* table_ = nullptr;
  TableBacking* backing_ = nullptr;
  std::array<Zone, kZones>* zones_ = nullptr;
  EarlyFrames early_;
  Untouched untouched_;
  BackedPages backed_;
  FrameRange leftover_;  // table memory that a failed attempt did not use
};

}  // namespace meridian
