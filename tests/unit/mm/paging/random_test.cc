// SPDX-License-Identifier: MIT
/// Random operations against a map of pages, with the model MMU as judge, and with every allocation
/// of every operation failed in turn before it is let through.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>

#include "machine.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

/// Where a space is worked on: an area that crosses the boundaries of its large leaves.
template <typename Space>
struct Area;
template <>
struct Area<ArmKernel> {
  static constexpr u64 kStart = ArmKernel::kBase + 1_GiB - 8_MiB, kSize = 16_MiB, kBlock = 2_MiB;
  static constexpr unsigned kOperations = 3000;
};
template <>
struct Area<ArmUser39> {
  static constexpr u64 kStart = 1_GiB - 4_MiB, kSize = 8_MiB, kBlock = 2_MiB;
  static constexpr unsigned kOperations = 3000;
};
template <>
struct Area<ToyKernel> {
  static constexpr u64 kStart = ToyKernel::kBase + 14_MiB, kSize = 5_MiB, kBlock = 1_MiB;
  static constexpr unsigned kOperations = 12000;
};
template <>
struct Area<ToyUser> {
  static constexpr u64 kStart = 13_MiB, kSize = 3_MiB, kBlock = 64_KiB;
  static constexpr unsigned kOperations = 12000;
};

template <typename Space, Sharing kSharing>
class RandomWork {
 public:
  using TheMachine = Machine<Space, kSharing>;
  using Gather = typename TheMachine::TheMapper::Gather;

  void run() {
    for (unsigned i = 0; i < Area<Space>::kOperations && !testing::Test::HasFailure(); ++i) {
      step();
      machine_.mmu.end_operation();
      ASSERT_TRUE(machine_.mmu.reports().empty()) << machine_.mmu.text() << "operation " << i;
      if (i % 512 == 0) check_everything();
    }
    check_everything();
    unmap_whole_area();
    count_injections("the mapper", injections_);
  }

 private:
  struct Expected {
    u64 pa;
    Attributes attributes;
  };

  u64 random(u64 below) { return engine_() % below; }
  bool chance(unsigned percent) { return random(100) < percent; }

  /// A range in the area: often small, often aligned to a block, sometimes both or neither.
  VirtRange some_range() {
    const u64 pages = Area<Space>::kSize / 4_KiB, block = Area<Space>::kBlock / 4_KiB;
    u64 start = random(pages), count = 1 + random(chance(50) ? 5 : 80);
    if (chance(40)) start -= start % block;
    if (chance(30)) start -= start % 16;
    if (chance(30)) count = block * (1 + random(3));
    if (chance(20)) count += random(20);
    if (count > pages - start) count = pages - start;
    return {VirtAddr(Area<Space>::kStart + start * 4_KiB), count * 4_KiB};
  }
  u64 some_page() { return Area<Space>::kStart + random(Area<Space>::kSize / 4_KiB) * 4_KiB; }
  /// A page of what is mapped, if anything is; the mapping behind some_page().
  u64 some_mapped_page() {
    const auto found = pages_.lower_bound(some_page());
    return found == pages_.end() ? some_page() : found->first;
  }
  Attributes some_attributes() {
    Attributes attributes = Space::kData;
    attributes.type = static_cast<MemoryType>(chance(80) ? 0 : random(4));
    attributes.write = chance(60);
    attributes.execute = !attributes.write && chance(30);
    return attributes;
  }
  /// Aligned to the addresses as far as `like` is, more often than not.
  Frame some_frame(VirtAddr like) {
    u64 pa = (1 + random(64)) * 64_MiB;
    if (chance(70)) pa += like.value() % Area<Space>::kBlock;
    if (chance(20)) pa += random(40) * 4_KiB;
    return Frame(PhysAddr(pa));
  }

  /// Does `operation`, first with its first allocation failing, then with its second, and so on
  /// until none is left to fail. A failure must change nothing at all.
  Result<void> with_every_failure(const std::function<Result<void>()>& operation) {
    const usize words = usize{1} << machine_.decoder.index_bits;
    const std::vector<u64> before = machine_.tables.contents(words);
    for (u64 k = 1;; ++k) {
      const u64 failures = machine_.tables.failures();
      machine_.tables.fail_allocation(k);
      const Result<void> result = operation();
      machine_.tables.fail_allocation(0);
      if (machine_.tables.failures() == failures) return result;
      ++injections_;
      EXPECT_FALSE(result.has_value());
      EXPECT_TRUE(result.has_value() || result.error().code == Errc::out_of_frames);
      EXPECT_EQ(machine_.tables.contents(words), before);
      if (testing::Test::HasFailure()) return result;
    }
  }

  void step() {
    switch (random(9)) {
      case 0:
      case 1:
      case 2:
        return map();
      case 3:
        return map_scattered();
      case 4:
      case 5:
        return unmap();
      case 6:
        return protect();
      case 7:
        return replace();
      default:
        return split();
    }
  }

  /// What mapping `range` must say: nothing, or the first page that is mapped already.
  void expect_mapped_or_named(VirtRange range, const Result<void>& result,
                              const std::function<Expected(u64)>& wanted) {
    const auto first = pages_.lower_bound(range.start().value());
    const bool taken = first != pages_.end() && range.contains(VirtAddr(first->first));
    ASSERT_EQ(result.has_value(), !taken);
    if (taken) {
      EXPECT_EQ(result.error(), (Error{Errc::already_mapped, first->first}));
    } else {
      for (u64 offset = 0; offset < range.size(); offset += 4_KiB)
        pages_[range.start().value() + offset] = wanted(offset);
    }
    check_some(range);
  }

  void map() {
    const VirtRange range = some_range();
    const Frame first = some_frame(range.start());
    const Attributes attributes = some_attributes();
    const MapOptions options{.largest = static_cast<Level>(random(4)),
                             .contiguous_hint = chance(80)};
    const Result<void> result =
        with_every_failure([&] { return machine_.mapper.map(range, first, attributes, options); });
    expect_mapped_or_named(range, result, [&](u64 offset) {
      return Expected{first.address().value() + offset, attributes};
    });
  }

  void map_scattered() {
    const VirtRange range = some_range();
    const Attributes attributes = some_attributes();
    std::vector<Frame> frames;
    Frame next = some_frame(range.start());
    while (frames.size() < range.size() / 4_KiB) {
      if (chance(5)) next = some_frame(range.start() + frames.size() * 4_KiB);
      frames.push_back(next);
      next = next + 1;
    }
    const Result<void> result = with_every_failure(
        [&] { return machine_.mapper.map_pages(range.start(), frames, attributes); });
    expect_mapped_or_named(range, result, [&](u64 offset) {
      return Expected{frames[offset / 4_KiB].address().value(), attributes};
    });
  }

  void unmap() {
    std::vector<VirtRange> ranges;
    Gather gather(machine_.tables, machine_.tlb());
    for (u64 i = 0; i <= random(3); ++i) {
      const VirtRange range = some_range();
      const Result<void> done = with_every_failure([&]() -> Result<void> {
        gather.merge(TRY(machine_.mapper.split_and_unmap(range)));
        return {};
      });
      ASSERT_TRUE(done.has_value());
      pages_.erase(pages_.lower_bound(range.start().value()),
                   pages_.lower_bound(range.start().value() + range.size()));
      ranges.push_back(range);
    }
    gather.flush();
    for (const VirtRange range : ranges) check_some(range);
  }

  void protect() {
    const VirtRange range = some_range();
    const Attributes attributes = some_attributes();
    const Result<void> done =
        with_every_failure([&] { return machine_.mapper.protect(range, attributes); });
    ASSERT_TRUE(done.has_value());
    for (auto it = pages_.lower_bound(range.start().value());
         it != pages_.end() && range.contains(VirtAddr(it->first)); ++it)
      it->second.attributes = attributes;
    check_some(range);
  }

  void replace() {
    const u64 page = some_mapped_page();
    const Frame frame = some_frame(VirtAddr(page));
    const Attributes attributes = some_attributes();
    const Result<void> done = with_every_failure(
        [&] { return machine_.mapper.replace_page(VirtAddr(page), frame, attributes); });
    const auto found = pages_.find(page);
    ASSERT_EQ(done.has_value(), found != pages_.end());
    if (found != pages_.end())
      found->second = {frame.address().value(), attributes};
    else
      EXPECT_EQ(done.error(), (Error{Errc::not_mapped, page}));
    check_some({VirtAddr(page), 4_KiB});
  }

  void split() {
    const u64 va = some_mapped_page() + random(4_KiB);
    const Level level = static_cast<Level>(1 + random(3));
    const Result<void> done =
        with_every_failure([&] { return machine_.mapper.split_block(VirtAddr(va), level); });
    ASSERT_EQ(done.has_value(), pages_.contains(va - va % 4_KiB));
    EXPECT_TRUE(!done.has_value() || machine_.mapper.walk(VirtAddr(va)).last().level >= level);
    check_some({VirtAddr(va - va % 4_KiB), 4_KiB});
  }

  /// What the MMU finds at a byte of `page`; end_operation() was called.
  void check_page(u64 page, u64 byte) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) return machine_.expect_faults(page + byte);
    machine_.expect_maps(page + byte, found->second.pa + byte, found->second.attributes);
  }
  /// What the engine says about it.
  void check_translation(u64 page, u64 byte) {
    const auto found = pages_.find(page);
    const Result<Translation> ours = machine_.mapper.translate(VirtAddr(page + byte));
    ASSERT_EQ(ours.has_value(), found != pages_.end());
    if (!ours.has_value()) return;
    EXPECT_EQ(ours.value().pa, PhysAddr(found->second.pa + byte));
    EXPECT_EQ(ours.value().attributes.write, found->second.attributes.write);
  }
  void check_pages(const std::vector<u64>& pages) {
    const u64 byte = random(4_KiB);
    machine_.mmu.end_operation();
    for (const u64 page : pages) check_page(page, byte);
    for (const u64 page : pages) check_translation(page, byte);
  }

  /// The pages at and around both ends of `range`, and some within and elsewhere.
  void check_some(VirtRange range) {
    if (testing::Test::HasFailure()) return;
    const u64 start = range.start().value(), last = range.last().value() - 4095;
    std::vector<u64> pages{start, last};
    if (start != Area<Space>::kStart) pages.push_back(start - 4_KiB);
    if (last != Area<Space>::kStart + Area<Space>::kSize - 4_KiB) pages.push_back(last + 4_KiB);
    for (int i = 0; i < 10; ++i) pages.push_back(start + random(range.size() / 4_KiB) * 4_KiB);
    for (int i = 0; i < 4; ++i) pages.push_back(some_page());
    check_pages(pages);
  }

  /// Each page of the area, the dump of it, and that every table that is allocated is in use.
  void check_everything() {
    std::vector<u64> pages;
    for (u64 offset = 0; offset < Area<Space>::kSize; offset += 4_KiB)
      pages.push_back(Area<Space>::kStart + offset);
    check_pages(pages);
    check_dump();
    EXPECT_EQ(machine_.mmu.reachable_tables(), machine_.tables.in_use());
  }

  void check_dump() {
    auto expected = pages_.begin();
    u64 at = machine_.mapper.half().start().value();
    machine_.mapper.dump(
        machine_.mapper.half(), Coalesce::rights_and_frames, [&](const DumpRun& run) {
          EXPECT_EQ(run.range.start().value(), at);
          at += run.range.size();
          if (run.kind != Kind::leaf) return;
          for (u64 offset = 0; offset < run.range.size(); offset += 4_KiB, ++expected) {
            ASSERT_NE(expected, pages_.end());
            ASSERT_EQ(expected->first, run.range.start().value() + offset);
            ASSERT_EQ(expected->second.pa, run.first.address().value() + offset);
          }
        });
    EXPECT_EQ(expected, pages_.end());
    EXPECT_EQ(at, machine_.mapper.half().start().value() + machine_.mapper.half().size());
  }

  void unmap_whole_area() {
    machine_.mapper.unmap({VirtAddr(Area<Space>::kStart), Area<Space>::kSize}).flush();
    machine_.expect_clean();
    pages_.clear();
    check_everything();
    if constexpr (kSharing == Sharing::exclusive) {
      EXPECT_EQ(machine_.tables.in_use(), 1u) << "the root";
    }
  }

  std::mt19937_64 engine_{test_seed() + sizeof(Area<Space>::kOperations) + Area<Space>::kStart +
                          static_cast<u64>(kSharing)};
  TheMachine machine_{120};
  std::map<u64, Expected> pages_;
  u64 injections_ = 0;
};

TEST(RandomPaging, ArmKernel) { RandomWork<ArmKernel, Sharing::shared>().run(); }
TEST(RandomPaging, ArmUser) { RandomWork<ArmUser39, Sharing::exclusive>().run(); }
TEST(RandomPaging, ToyKernelShared) { RandomWork<ToyKernel, Sharing::shared>().run(); }
TEST(RandomPaging, ToyKernelExclusive) { RandomWork<ToyKernel, Sharing::exclusive>().run(); }
TEST(RandomPaging, ToyUser) { RandomWork<ToyUser, Sharing::exclusive>().run(); }

}  // namespace
}  // namespace meridian
