// SPDX-License-Identifier: MIT
/// Addresses for frames that the linear map does not reach (HIGHMEM), borrowed for as long as they
/// are needed. A frame that has a linear address is reached there, and costs nothing here. The
/// frame must be RAM; the mapping is kernel data.
///
///   Kmap, kmap()      any CPU may use the address, for as long as it likes. There are 1024.
///   KmapLocal         this CPU alone, for a short visit: interrupts are masked while it lives.
///   kmap_temporary()  unprotected: the next call on this CPU takes the address away.
///
/// Whoever keeps a pointer after giving it back may reach the frame for a while, as through the
/// linear map; never another frame.
#pragma once

#include <arch/irq.h>
#include <arch/paging.h>

#include <utility>

#include "kernel/sync/sleeper.h"
#include "mm/kernel/kmap_window.h"
#include "mm/kernel/linear_map.h"

namespace meridian {

/// Builds the tables of the windows if this machine has HIGHMEM, so that nothing below has to. Boot
/// calls it once, when frames can be had. Errc::out_of_frames.
Result<void> kmap_start();

namespace detail {
Result<void*> kmap_highmem(Frame frame);
Result<void*> kmap_highmem_waiting(Frame frame, const WaitOptions& options);

/// A page of the fixmap that one CPU lends, and how interrupts were before it did.
struct Visit {
  VirtAddr address;
  arch::Entry* entry;  // that maps it; null behind a CPU's last page
  Visit** next;        // where the CPU keeps which page is next
  arch::IrqState irqs;
};
[[gnu::returns_nonnull]] Visit* enter_visit(Frame frame);
void leave_visit(Visit* visit);
}  // namespace detail

/// An address for `frame` until kunmap(). A frame that is mapped already has the one address for
/// all; each call wants its own kunmap(). Errc::out_of_slots if every slot is in use by somebody:
/// it never waits.
inline Result<void*> kmap(Frame frame) {
  if (linear_map.reaches(frame)) [[likely]]
    return linear_map.pointer(frame);
  return detail::kmap_highmem(frame);
}

/// kmap() for a thread that may sleep: waits for a kunmap() while every slot is in use.
/// Errc::interrupted, Errc::timed_out as the options allow. Who waits while it holds slots itself
/// may wait for ever.
inline Result<void*> kmap_waiting(Frame frame, const WaitOptions& options = {}) {
  if (linear_map.reaches(frame)) [[likely]]
    return linear_map.pointer(frame);
  return detail::kmap_highmem_waiting(frame, options);
}

/// Undoes one kmap(); CHECKs that there is one to undo.
void kunmap(Frame frame);
/// kunmap() for a frame that a person typed: Errc::not_allocated.
Result<void> try_kunmap(Frame frame);

KmapStats kmap_stats();

/// A frame's address that gives itself back.
class [[nodiscard]] Kmap {
 public:
  /// As kmap().
  static Result<Kmap> of(Frame frame) {
    void* const address = TRY(kmap(frame));
    return Kmap(frame, address);
  }
  Kmap(Kmap&& other) noexcept
      : frame_(other.frame_), address_(std::exchange(other.address_, nullptr)) {}
  Kmap& operator=(Kmap&&) = delete;
  ~Kmap() {
    if (address_ != nullptr) kunmap(frame_);
  }

  template <typename T = void>
  T* pointer() const {
    return static_cast<T*>(address_);
  }

 private:
  Kmap(Frame frame, void* address) : frame_(frame), address_(address) {}

  Frame frame_;
  void* address_;
};

/// A short visit to a frame; it cannot fail. (Linux: kmap_local_page().) Visits nest, up to
/// kMostNested on a CPU, and end in reverse order, as objects on a stack do. If the frame has no
/// linear address, interrupts are masked meanwhile, so that the visitor stays on the CPU whose
/// mapping it is; so visit one page, not many.
class [[nodiscard]] KmapLocal {
 public:
  static constexpr unsigned kMostNested = 8;

  explicit KmapLocal(Frame frame) {
    if (linear_map.reaches(frame)) [[likely]] {
      address_ = linear_map.pointer(frame);
    } else {
      visit_ = detail::enter_visit(frame);
      address_ = reinterpret_cast<void*>(visit_->address.value());
    }
  }
  ~KmapLocal() {
    if (visit_ != nullptr) [[unlikely]]
      detail::leave_visit(visit_);
  }
  KmapLocal(const KmapLocal&) = delete;
  KmapLocal& operator=(const KmapLocal&) = delete;

  template <typename T = void>
  T* pointer() const {
    return static_cast<T*>(address_);
  }

 private:
  void* address_;
  detail::Visit* visit_ = nullptr;  // if it has no linear address
};

/// Maps `frame` at this CPU's one address for that, whatever was there before, even if it has a
/// linear address. Nobody protects it: the next call on this CPU, a handler's too, makes the same
/// pointer lead to another frame. (Old kernels had no more than this.) Errc::out_of_frames, of a
/// table.
Result<void*> kmap_temporary(Frame frame);

}  // namespace meridian
