// SPDX-License-Identifier: MIT
/// What several stops ask: which frames are behind the pages of a buffer, and whether they follow
/// each other (answers come from a walk of the tables, not from what an allocator says of itself);
/// and how much RAM lies where.
#pragma once

#include "kernel/lib/fixed_vector.h"
#include "kernel/tour/tour.h"
#include "mm/range.h"

namespace meridian {

/// More pages than a stop lists.
inline constexpr usize kMaxListedPages = 32;
using ListedFrames = FixedVector<Frame, kMaxListedPages>;

/// Gives back what a stop has allocated when the stop ends, wherever it ends.
template <void (*kFree)(void*)>
class [[nodiscard]] Holding {
 public:
  explicit Holding(void* memory) : memory_(memory) {}
  ~Holding() { kFree(memory_); }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

 private:
  void* memory_;
};

/// The frames behind the first pages of a kernel buffer; shorter where a page has no translation.
ListedFrames frames_behind(const void* buffer, usize pages);

/// True if every frame follows the one before it.
bool are_contiguous(std::span<const Frame> frames);

/// Some frame of `ram`, another one on every boot: from the counter, not from a seed. None of the
/// image's, which may have pages that nothing maps, below the boot stack. (The image is smaller
/// than the part of RAM that is asked about.)
Frame somewhere_in(FrameRange ram);

/// How far a process reaches by its own hand: it runs, and the highest page that mmap() gives it
/// ends at `end`.
void require_program_reaches(Evidence& e, u64 end);

/// Shows the frame numbers on one or two lines, under a title.
void show_frames(Evidence& e, std::string_view title, std::span<const Frame> frames);

}  // namespace meridian
