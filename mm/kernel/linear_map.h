// SPDX-License-Identifier: MIT
/// The linear map: physical memory at a constant offset in the kernel half. `__va` and `__pa` are
/// one subtraction here; this is the only place that turns a physical address into a pointer.
///
/// Invariant: after linear_map_start() the map is never changed; every byte of `virt()` translates
/// to itself minus the offset.
#pragma once

#include "kernel/lib/result.h"
#include "mm/range.h"

namespace meridian {

class LinearMap {
 public:
  constexpr LinearMap() = default;
  /// Physical `start` appears at `va`; `size` bytes are reachable.
  constexpr LinearMap(VirtAddr va, PhysAddr start, u64 size)
      : offset_(va.value() - start.value()), end_(start + size), virt_(va, size) {}

  /// The addresses it covers, whether or not RAM is behind each.
  constexpr VirtRange virt() const { return virt_; }
  constexpr PhysRange phys() const {
    return {PhysAddr(virt_.start().value() - offset_), virt_.size()};
  }
  constexpr u64 offset() const { return offset_; }

  /// __va: the linear address of `pa`. Errc::not_linear if the map does not reach it (HIGHMEM).
  constexpr Result<VirtAddr> to_virt(PhysAddr pa) const {
    const VirtAddr va(pa.value() + offset_);
    if (!virt_.contains(va)) return Error{Errc::not_linear, pa.value()};
    return va;
  }
  /// __pa: the physical address of a linear address. Errc::not_linear for any other (user, vmalloc,
  /// device): those need a walk.
  constexpr Result<PhysAddr> to_phys(VirtAddr va) const {
    if (!virt_.contains(va)) return Error{Errc::not_linear, va.value()};
    return PhysAddr(va.value() - offset_);
  }

  /// Has a frame of RAM a linear address? What to_virt() says, for less: RAM never lies below the
  /// map, so it is a question of where the map ends.
  constexpr bool reaches(Frame ram) const { return ram.address() < end_; }

  /// __va without the check, for frames that are known to be in the map (DMA and NORMAL zones).
  template <typename T = void>
  T* pointer(PhysAddr pa) const {
    return reinterpret_cast<T*>(pa.value() + offset_);
  }
  template <typename T = void>
  T* pointer(Frame frame) const {
    return pointer<T>(frame.address());
  }
  /// __pa without the check, for pointers that pointer() gave.
  PhysAddr phys_of(const volatile void* pointer) const {
    return PhysAddr(reinterpret_cast<u64>(pointer) - offset_);
  }

 private:
  u64 offset_ = 0;  // virtual minus physical, modulo 2^64
  PhysAddr end_;    // physical
  VirtRange virt_;
};

/// The machine's one linear map: written once during boot, before any other CPU runs (host tests
/// write it to reach their arena).
extern LinearMap linear_map;

}  // namespace meridian
