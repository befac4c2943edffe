// SPDX-License-Identifier: MIT
#include "mm/frames/frame_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mm/frames/frame_list.h"

namespace meridian {
namespace {

/// The words of an entry, worked out by hand from the fields' places.
TEST(FrameInfo, PacksItsFields) {
  EXPECT_EQ(FrameInfo::allocated(FrameOwner::user, 3, true), 0x3'300au);
  EXPECT_EQ(FrameInfo::allocated(FrameOwner::table, 0, false), 0x1'0004u);
  EXPECT_EQ(FrameInfo::linked(FrameOwner::free, 10, 0xf'edcb'a987), 0xfedc'ba98'7000'a001u);
  EXPECT_EQ(FrameInfo::kept(FrameOwner::frame_table), 5u);
}

/// One comparison tells a block that may go to a CPU's cache from all others.
TEST(FrameInfo, KnowsASoleNormalBlock) {
  const u64 good = FrameInfo::allocated(FrameOwner::kernel, 2, true);
  EXPECT_TRUE(FrameInfo::is_sole_normal(good, 2));
  EXPECT_FALSE(FrameInfo::is_sole_normal(good, 1)) << "another order";
  EXPECT_FALSE(FrameInfo::is_sole_normal(good | u64{1} << 28, 2)) << "a reference more";
  EXPECT_FALSE(FrameInfo::is_sole_normal(FrameInfo::allocated(FrameOwner::kernel, 2, false), 2));
  EXPECT_FALSE(FrameInfo::is_sole_normal(FrameInfo::linked(FrameOwner::free, 2, 0), 2));
  EXPECT_FALSE(FrameInfo::is_sole_normal(FrameInfo::linked(FrameOwner::cached, 2, 0), 2));
  EXPECT_FALSE(FrameInfo::is_sole_normal(0, 0));
}

/// The last reference is not given back: the one who gets 0 frees.
TEST(FrameInfo, CountsReferences) {
  FrameInfo info{};
  info.set_head(FrameInfo::allocated(FrameOwner::user, 0, true));
  EXPECT_EQ(info.references(), 1u);
  info.add_reference();
  info.add_reference();
  EXPECT_EQ(info.references(), 3u);
  EXPECT_EQ(info.drop_reference(), 2u);
  EXPECT_EQ(info.drop_reference(), 1u);
  EXPECT_EQ(info.drop_reference(), 0u);
  EXPECT_EQ(info.drop_reference(), 0u);
  EXPECT_EQ(info.references(), 1u);
  EXPECT_EQ(info.owner(), FrameOwner::user);
}

/// However many CPUs let go at once, exactly one is told that it was the last.
TEST(FrameInfo, TellsOneCpuThatItWasTheLast) {
  for (int round = 0; round < 50; ++round) {
    FrameInfo info{};
    info.set_head(FrameInfo::allocated(FrameOwner::user, 0, true));
    constexpr int kCpus = 4;
    for (int i = 1; i < kCpus; ++i) info.add_reference();
    std::atomic<int> last = 0;
    std::vector<std::jthread> cpus;
    for (int i = 0; i < kCpus; ++i)
      cpus.emplace_back([&] { last += info.drop_reference() == 0 ? 1 : 0; });
    cpus.clear();
    EXPECT_EQ(last, 1);
  }
}

/// The owner's word and the entry's other word do not touch each other.
TEST(FrameInfo, KeepsAWordForTheOwner) {
  FrameInfo info{};
  info.set_head(FrameInfo::allocated(FrameOwner::page_cache, 4, true));
  info.set_word(~u64{0});
  EXPECT_EQ(info.order(), 4u);
  EXPECT_EQ(info.word(), ~u64{0});
  info.set_previous(5);
  EXPECT_EQ(info.word(), 0x5fff'ffffu);
  EXPECT_EQ(info.previous(), 5u);
}

/// The entry of a frame is 16 bytes per frame after the first one's.
TEST(FrameTable, FindsEntries) {
  FrameInfo entries[4]{};
  FrameTable table(VirtAddr::of(entries), Frame::from_number(100));
  EXPECT_EQ(&table[Frame::from_number(100)], &entries[0]);
  EXPECT_EQ(&table[Frame::from_number(103)], &entries[3]);
  EXPECT_EQ(table.first(), Frame::from_number(100));
  const VirtRange all = table.entries({Frame::from_number(101), 2});
  EXPECT_EQ(all.start(), VirtAddr::of(&entries[1]));
  EXPECT_EQ(all.size(), 32u);
}

/// Links go in at the front and come out from anywhere.
TEST(FrameList, LinksAndUnlinksAnywhere) {
  FrameInfo entries[8]{};
  FrameTable table(VirtAddr::of(entries), Frame());
  FrameList list;
  EXPECT_TRUE(list.is_empty());
  for (const u64 number : {1, 2, 3, 4}) list.push(table, Frame::from_number(number), number);

  const auto order = [&] {
    std::vector<u64> numbers;
    for (u64 n = list.is_empty() ? 0 : list.front().number(); n != 0;
         n = FrameInfo::Next::decode(entries[n].head()))
      numbers.push_back(n);
    return numbers;
  };
  EXPECT_EQ(order(), (std::vector<u64>{4, 3, 2, 1}));
  list.remove(table, Frame::from_number(2), 0);  // in the middle
  EXPECT_EQ(order(), (std::vector<u64>{4, 3, 1}));
  list.remove(table, Frame::from_number(1), 0);  // the last
  EXPECT_EQ(order(), (std::vector<u64>{4, 3}));
  list.remove(table, Frame::from_number(4), 7);  // the first
  EXPECT_EQ(order(), (std::vector<u64>{3}));
  EXPECT_EQ(entries[4].head(), 7u);
  EXPECT_EQ(entries[3].head() & 0xff, 3u) << "what was pushed stays beside the link";
  list.remove(table, Frame::from_number(3), 0);
  EXPECT_TRUE(list.is_empty());
}

/// Every owner has a name of its own.
TEST(FrameOwner, HasANameEach) {
  std::set<std::string> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(FrameOwner::page_cache); ++i)
    names.insert(name_of(static_cast<FrameOwner>(i)));
  EXPECT_EQ(names.size(), 12u);
  EXPECT_THROW(name_of(static_cast<FrameOwner>(200)), std::logic_error);
}

}  // namespace
}  // namespace meridian
