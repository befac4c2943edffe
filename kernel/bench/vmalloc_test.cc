// SPDX-License-Identifier: MIT
/// Linux's own test of vmalloc, as its descriptions say what each case does: 1000 loops, the set-up
/// of a case counted in, as there.
#include "mm/kernel/vmalloc.h"

#include "kernel/bench/bench.h"

namespace meridian {
namespace {

constexpr u64 kLoops = 1000;

/// A small generator (xorshift), so that every run asks for the same sizes.
class Random {
 public:
  /// 1 to `limit`.
  u64 up_to(u64 limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % limit + 1;
  }

 private:
  u64 state_ = 0x9e37'79b9'7f4a'7c15;
};

/// Areas that stay while a case runs, given back at its end. The list of them is itself vmalloc's.
class Background {
 public:
  static Result<Background> make(usize pages_in_all) {
    void** list = static_cast<void**>(TRY(vmalloc(pages_in_all * sizeof(void*))));
    Background background(list);
    for (usize i = 0; i < pages_in_all; ++i) {
      list[i] = TRY(vmalloc(kPageSize));
      background.count_ = i + 1;
    }
    return background;
  }
  Background(Background&& other) : list_(other.list_), count_(other.count_) {
    other.list_ = nullptr;
    other.count_ = 0;
  }
  ~Background() {
    for (usize i = 0; i < count_; ++i) vfree(list_[i]);
    vfree(list_);
  }

  void free_every_second() {
    for (usize i = 0; i < count_; i += 2) {
      vfree(list_[i]);
      list_[i] = nullptr;
    }
  }

 private:
  explicit Background(void** list) : list_(list) {}
  void** list_;
  usize count_ = 0;
};

void touch(void* memory) { *static_cast<volatile u8*>(memory) = 0; }

Result<void> allocate_touch_free(u64 pages, const VmallocOptions& options = {}) {
  void* area = TRY(vmalloc(pages * kPageSize, options));
  touch(area);
  vfree(area);
  return {};
}

Result<void> fix_size(BenchRun& run) {
  run.start();
  for (u64 i = 0; i < kLoops; ++i) TRY(allocate_touch_free(1));
  run.stop(kLoops);
  return {};
}

Result<void> full_fit(BenchRun& run) {
  constexpr usize kPairs = 8192;
  run.start();
  Background background = TRY(Background::make(2 * kPairs));
  background.free_every_second();
  for (u64 i = 0; i < kLoops; ++i) TRY(allocate_touch_free(1));
  run.stop(kLoops);
  return {};
}

Result<void> long_busy_list(BenchRun& run) {
  constexpr usize kAreas = 15'000;
  run.start();
  const Background background = TRY(Background::make(kAreas));
  for (u64 i = 0; i < kLoops; ++i) {
    void* large = TRY(vmalloc(100 * kPageSize));
    Result<void*> small = vmalloc(kPageSize);
    touch(large);
    if (small.has_value()) touch(small.value());
    vfree(large);
    vfree(TRY(small));
  }
  run.stop(kLoops);
  return {};
}

Result<void> random_size(BenchRun& run) {
  Random random;
  run.start();
  for (u64 i = 0; i < kLoops; ++i) TRY(allocate_touch_free(random.up_to(100)));
  run.stop(kLoops);
  return {};
}

Result<void> fix_align(BenchRun& run) {
  run.start();
  for (u64 i = 0; i < kLoops; ++i)
    TRY(allocate_touch_free(5, {.alignment = 32_KiB, .content = VmallocOptions::Content::zeroed}));
  run.stop(kLoops);
  return {};
}

Result<void> random_size_align(BenchRun& run) {
  Random random;
  run.start();
  for (u64 i = 0; i < kLoops; ++i) {
    const u64 alignment = u64{1} << (random.up_to(23) - 1);
    TRY(allocate_touch_free(random.up_to(10),
                            {.alignment = alignment, .content = VmallocOptions::Content::zeroed}));
  }
  run.stop(kLoops);
  return {};
}

constexpr BenchRow kRows[] = {
    {"fix_size_alloc_test", fix_size},
    {"full_fit_alloc_test", full_fit},
    {"long_busy_list_alloc_test", long_busy_list},
    {"random_size_alloc_test", random_size},
    {"fix_align_alloc_test", fix_align},
    {"random_size_align_alloc_test", random_size_align},
};

}  // namespace

std::span<const BenchRow> vmalloc_test_rows() { return kRows; }

}  // namespace meridian
