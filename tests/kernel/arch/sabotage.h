// SPDX-License-Identifier: MIT
/// Damage to the machine's translation state, for tests that must see somebody notice it. Each
/// object breaks one thing for real when it is made, and mends it when it goes; in between, what
/// the kernel keeps in the memory concerned stays usable at its address. One CPU, and no other
/// thread.
#pragma once

#include <arch/paging.h>

#include <array>
#include <optional>

#include "mm/kernel/kernel_space.h"

namespace meridian::sabotage {

/// TCR_EL1 holds another value. The high half must stay as it is: the kernel runs there.
class [[nodiscard]] ChangedTcr {
 public:
  explicit ChangedTcr(u64 raw);
  ~ChangedTcr();
  ChangedTcr(const ChangedTcr&) = delete;
  ChangedTcr& operator=(const ChangedTcr&) = delete;

 private:
  u64 saved_;
};

/// Frames for tables; they go back by themselves.
class OwnTables {
 public:
  OwnTables() = default;
  ~OwnTables() {
    for (usize i = 0; i < count_; ++i) free_frame(frames_[i]);
  }
  OwnTables(const OwnTables&) = delete;
  OwnTables& operator=(const OwnTables&) = delete;
  Frame take();

 private:
  std::array<Frame, 2 * std::size(kLevels)> frames_;
  usize count_ = 0;
};

/// What the live tables say of one page of the kernel half is `wanted`: the raw entry, whatever it
/// grants and wherever it leads. A block around the page is made of pages meanwhile.
class [[nodiscard]] BrokenPage {
 public:
  BrokenPage(VirtAddr va, arch::Entry wanted);
  ~BrokenPage();
  BrokenPage(const BrokenPage&) = delete;
  BrokenPage& operator=(const BrokenPage&) = delete;

  /// The entry of the page at `va`, or the one it would have if its block were pages.
  static arch::Entry entry_of(VirtAddr va);
  /// How many tables a block at `va` costs.
  static usize tables_for(VirtAddr va);
  static constexpr usize kMostEntries = 16;  // of a contiguous group

 private:
  arch::Entry* slots_;
  usize count_;
  std::array<arch::Entry, kMostEntries> saved_;
  OwnTables tables_;  // in place of a block
};

/// A frame that goes back by itself.
class [[nodiscard]] SpareFrame {
 public:
  /// Holds a copy of `contents`.
  explicit SpareFrame(Frame contents);
  ~SpareFrame() { free_frame(frame_); }
  SpareFrame(const SpareFrame&) = delete;
  SpareFrame& operator=(const SpareFrame&) = delete;
  Frame frame() const { return frame_; }

 private:
  Frame frame_;
};

/// A page of the linear map leads to another frame, against the one rule that the map has. When it
/// is mended, its own frame gets what is in the other one.
class [[nodiscard]] RedirectedPage {
 public:
  RedirectedPage(VirtAddr va, Frame to);
  ~RedirectedPage();
  RedirectedPage(const RedirectedPage&) = delete;
  RedirectedPage& operator=(const RedirectedPage&) = delete;

 private:
  Frame own_, other_;
  std::optional<BrokenPage> page_;
};

/// The same, to a frame of nobody's with the same contents: whoever uses the page does not notice.
class [[nodiscard]] MovedPage {
 public:
  explicit MovedPage(VirtAddr va);

 private:
  SpareFrame spare_;
  RedirectedPage page_;
};

/// The CPU walks tables that the kernel does not know: TTBR1 leads to a copy of the root, and of
/// all tables on the way to the page at `va` of the linear map, which leads to another frame there.
class [[nodiscard]] StrangeKernelTables {
 public:
  explicit StrangeKernelTables(VirtAddr va);
  ~StrangeKernelTables();
  StrangeKernelTables(const StrangeKernelTables&) = delete;
  StrangeKernelTables& operator=(const StrangeKernelTables&) = delete;

 private:
  SpareFrame spare_;
  Frame own_;
  u64 saved_root_;
  OwnTables tables_;
};

}  // namespace meridian::sabotage
