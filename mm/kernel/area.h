// SPDX-License-Identifier: MIT
/// An area: a range of the vmalloc region that somebody holds, with the record kept about it. Small
/// areas are slots of a block (small_areas.h), large ones nodes of a tree (large_areas.h); both go
/// through the same states:
///
///   free -> building -> used -> lazy -> free
///
/// Only one party acts in each state: whoever took it from a free list (building), the holder
/// (used), whoever won the change from used to lazy, and whoever took the lazy list. In `lazy` the
/// entries are parked: invalid for the MMU, but still naming their frames. After the TLBs have
/// forgotten them, a small area may stay like that: free, and warm. Its next holder finds the
/// frames in place.
#pragma once

#include <atomic>
#include <string_view>

#include "mm/range.h"

namespace meridian {

enum class AreaKind : u8 {
  vmalloc,       // frames of its own
  vmap,          // somebody else's frames
  ioremap,       // device registers
  kernel_stack,  // frames of its own, unmapped pages on both sides
  image,         // mapped by boot, never freed
};
/// As in vmallocinfo: "vmalloc", "vmap", "ioremap", "stack", "image".
const char* name_of(AreaKind kind);

/// Its frames came from the allocator and go back there.
constexpr bool owns_frames(AreaKind kind) {
  return kind == AreaKind::vmalloc || kind == AreaKind::kernel_stack;
}

enum class AreaState : u8 { free, building, used, lazy };

/// A field that its owner writes while others may look at it: each look finds one whole value.
template <typename T>
class Looked {
 public:
  constexpr Looked() = default;
  operator T() const {
    return value_.load(std::memory_order_relaxed);
  }  // NOLINT: implicit by design
  Looked& operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }

 private:
  std::atomic<T> value_{};
};

template <typename Entry>
struct Area {
  Area* next;      // in a free list or a lazy list
  u64 start;       // the first mapped address
  Entry* entries;  // small: the entry of that address
  // used: who asked for it, or the name of a part of the image; first of a free list in the depot:
  // the next such list
  Looked<const void*> about;
  Looked<u16> pages;  // small and used: mapped; first of a warm free list: frames in all of it
  u16 backed;         // small: the first so many entries have frames of the area's own
  Looked<AreaKind> kind;
  u8 size_class;  // kLargeClass: a LargeArea
  std::atomic<AreaState> state;

  static constexpr u8 kLargeClass = 0xff;

  bool is_large() const { return size_class == kLargeClass; }

  /// From used to lazy, if it is used, of this kind, and starts at `va`: the one right to free it.
  bool claim(u64 va, AreaKind wanted) {
    AreaState used = AreaState::used;
    return start == va && kind == wanted &&
           state.compare_exchange_strong(used, AreaState::lazy, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  bool is_used() const { return state.load(std::memory_order_acquire) == AreaState::used; }
  /// The holder may have it: everything written so far is seen by whoever frees or lists it.
  void hand_out() { state.store(AreaState::used, std::memory_order_release); }
};

/// What vmallocinfo says of one area.
struct AreaInfo {
  VirtRange range;  // without guard pages
  AreaKind kind;
  const void* caller;     // null for an image area
  std::string_view name;  // of an image area
  PhysAddr phys;          // of its first page
};

/// All but the physical address, which the tables know.
template <typename Entry>
AreaInfo info_of(const Area<Entry>& area, u64 pages) {
  const VirtRange range(VirtAddr(area.start), pages << kPageShift);
  AreaInfo info{.range = range, .kind = area.kind, .caller = nullptr, .name = {}, .phys = {}};
  if (info.kind == AreaKind::image)
    info.name = static_cast<const char*>(static_cast<const void*>(area.about));
  else
    info.caller = area.about;
  return info;
}

}  // namespace meridian
