// SPDX-License-Identifier: MIT
/// Frame: one page of physical memory. Page: one page of virtual addresses. Aligned by construction.
#pragma once

#include <compare>

#include "mm/address.h"
#include "mm/page_size.h"

namespace meridian {

class Frame {
 public:
  constexpr Frame() = default;
  /// CHECKs that `start` is page aligned.
  constexpr explicit Frame(PhysAddr start) : number_(start.value() >> kPageShift) {
    CHECK(start.is_aligned(kPageSize));
  }
  static constexpr Frame from_number(u64 number) {
    Frame frame;
    frame.number_ = number;
    return frame;
  }
  static constexpr Frame containing(PhysAddr pa) { return from_number(pa.value() >> kPageShift); }

  /// The page frame number (PFN).
  constexpr u64 number() const { return number_; }
  constexpr PhysAddr address() const { return PhysAddr(number_ << kPageShift); }

  friend constexpr Frame operator+(Frame f, u64 frames) { return from_number(f.number_ + frames); }
  friend constexpr Frame operator-(Frame f, u64 frames) { return from_number(f.number_ - frames); }
  friend constexpr u64 operator-(Frame a, Frame b) { return a.number_ - b.number_; }
  friend constexpr auto operator<=>(Frame a, Frame b) = default;

 private:
  u64 number_ = 0;
};

class Page {
 public:
  constexpr Page() = default;
  /// CHECKs that `start` is page aligned.
  constexpr explicit Page(VirtAddr start) : start_(start) { CHECK(start.is_aligned(kPageSize)); }
  static constexpr Page containing(VirtAddr va) { return Page(va.align_down(kPageSize)); }

  constexpr VirtAddr address() const { return start_; }

  friend constexpr Page operator+(Page p, u64 pages) { return Page(p.start_ + pages * kPageSize); }
  friend constexpr bool operator==(Page a, Page b) { return a.start_ == b.start_; }
  friend constexpr auto operator<=>(Page a, Page b) { return a.start_ <=> b.start_; }

 private:
  VirtAddr start_;
};

}  // namespace meridian
