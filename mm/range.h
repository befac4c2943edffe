// SPDX-License-Identifier: MIT
/// Ranges of addresses and of frames: a start and a size in bytes (frames: a count). `end()` is the
/// first address after the range; the top of the address space has none, so code that may meet it
/// compares with `last()`, the last byte, instead.
#pragma once

#include "mm/address.h"
#include "mm/frame.h"

namespace meridian {

template <typename A>
class Range {
 public:
  constexpr Range() = default;
  constexpr Range(A start, u64 size) : start_(start), size_(size) {}
  /// From `start` up to and without `end`. CHECKs start <= end.
  static constexpr Range between(A start, A end) {
    CHECK(start <= end);
    return {start, end - start};
  }

  constexpr A start() const { return start_; }
  constexpr A end() const { return start_ + size_; }
  /// The last byte; the range must not be empty.
  constexpr A last() const { return start_ + (size_ - 1); }
  constexpr u64 size() const { return size_; }
  constexpr bool is_empty() const { return size_ == 0; }
  /// True if start + size runs over 2^64 (a size that ends exactly there does not wrap).
  constexpr bool wraps() const { return size_ != 0 && last() < start_; }

  constexpr bool contains(A a) const { return a - start_ < size_; }
  /// True if every byte of `other` (not empty, not wrapping) is in this range.
  constexpr bool contains(const Range& other) const {
    return contains(other.start_) && other.size_ <= size_ - (other.start_ - start_);
  }
  constexpr bool overlaps(const Range& other) const {
    return !is_empty() && !other.is_empty() && (contains(other.start_) || other.contains(start_));
  }
  constexpr bool is_aligned(u64 alignment) const {
    return start_.is_aligned(alignment) && meridian::is_aligned(size_, alignment);
  }

  friend constexpr bool operator==(const Range&, const Range&) = default;

 private:
  A start_;
  u64 size_ = 0;
};

using PhysRange = Range<PhysAddr>;
using VirtRange = Range<VirtAddr>;
using UserRange = Range<UserAddr>;

/// `count` frames from `first` on.
struct FrameRange {
  Frame first;
  u64 count = 0;

  constexpr Frame end() const { return first + count; }
  constexpr bool contains(Frame f) const { return f.number() - first.number() < count; }
  constexpr PhysRange bytes() const { return {first.address(), count << kPageShift}; }
  friend constexpr bool operator==(const FrameRange&, const FrameRange&) = default;
};

}  // namespace meridian
