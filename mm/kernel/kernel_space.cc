// SPDX-License-Identifier: MIT
#include "mm/kernel/kernel_space.h"

#include <array>

namespace meridian {

constinit KernelSpace detail::kernel_space;

namespace {

/// Tables from a SpareFrames. What an attempt that failed had taken is kept for the next one, since
/// a spare frame cannot go back.
class SpareStore {
 public:
  SpareStore(SpareFrames& frames, std::span<Frame> kept, usize& kept_count)
      : frames_(frames), kept_(kept), kept_count_(kept_count) {}

  Result<Frame> allocate_table() {
    const Frame table = kept_count_ != 0 ? kept_[--kept_count_] : TRY(frames_.take());
    arch::clear_page(linear_map.pointer(table));
    return table;
  }
  void free_table(Frame table) {
    CHECK(kept_count_ < kept_.size());
    kept_[kept_count_++] = table;
  }
  arch::Entry* entries(Frame table) const { return linear_map.pointer<arch::Entry>(table); }

 private:
  SpareFrames& frames_;
  std::span<Frame> kept_;
  usize& kept_count_;
};

class FrameTableBacking final : public TableBacking {
 public:
  Result<void> back(VirtRange table, Frame memory, SpareFrames& spare) override {
    SpareStore store(spare, kept_, kept_count_);
    Mapper<arch::Format, SpareStore, arch::KernelTlb, Sharing::shared> mapper(
        kernel_space().root(), kernel_space().tables().geometry(), store, arch::KernelTlb());
    return mapper.map(table, memory, kKernelData);
  }

 private:
  // One range needs a table of each level below the root at most at either end.
  std::array<Frame, 2 * std::size(kLevels)> kept_{};
  usize kept_count_ = 0;
};

constinit FrameTableBacking backing;

}  // namespace

TableBacking& frame_table_backing() { return backing; }

Result<void> KernelSpace::map(VirtRange range, Frame first, Attributes attributes,
                              MapOptions options) {
  TRY(Tables::check_rights(attributes, range.start()));
  return tables().mapper().map(range, first, attributes, options);
}

Result<void> KernelSpace::map_pages(VirtAddr start, std::span<const Frame> frames,
                                    Attributes attributes) {
  TRY(Tables::check_rights(attributes, start));
  return tables().mapper().map_pages(start, frames, attributes);
}

Result<void> KernelSpace::unmap(VirtRange range) {
  TRY(tables().mapper().split_and_unmap(range)).flush();
  return {};
}

Result<void> KernelSpace::protect(VirtRange range, Attributes attributes) {
  TRY(Tables::check_rights(attributes, range.start()));
  return tables().mapper().protect(range, attributes);
}

}  // namespace meridian
