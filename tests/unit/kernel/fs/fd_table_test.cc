// SPDX-License-Identifier: MIT
/// Descriptors against std::map, and what execve, fork and limits do to them.
#include "kernel/fs/fd_table.h"

#include <map>
#include <random>

#include "fs_world.h"
#include "mm/frames/failure_injection.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr auto kKeep = FdTable::CloseOnExec::no, kClose = FdTable::CloseOnExec::yes;
constexpr u32 kLimit = 1024;

class FdTableTest : public FsWorld {
 protected:
  FdTableTest() : table(FdTable::make().take()) { write_file("/f", ""); }
  ~FdTableTest() override { table.reset(); }
  Ref<File> file() { return open("/f").take(); }

  Ref<FdTable> table;
};

TEST_F(FdTableTest, TheLowestFreeNumberComesFirst) {
  for (u32 fd = 0; fd < 200; ++fd) EXPECT_EQ(table->add(file(), kKeep, kLimit).value(), fd);
  EXPECT_EQ(error_of(table->close(131)), 0);
  EXPECT_EQ(error_of(table->close(7)), 0);
  EXPECT_EQ(error_of(table->close(7)), EBADF);
  EXPECT_EQ(table->add(file(), kKeep, kLimit, 8).value(), 131u) << "F_DUPFD's lowest";
  EXPECT_EQ(table->add(file(), kKeep, kLimit).value(), 7u);
  EXPECT_EQ(table->add(file(), kKeep, kLimit).value(), 200u);
  EXPECT_EQ(table->add(file(), kKeep, kLimit, 500).value(), 500u);
}

TEST_F(FdTableTest, LimitsAreKept) {
  EXPECT_EQ(table->add(file(), kKeep, 2).value(), 0u);
  EXPECT_EQ(table->add(file(), kKeep, 2).value(), 1u);
  EXPECT_EQ(error_of(table->add(file(), kKeep, 2)), EMFILE);
  EXPECT_EQ(error_of(table->add(file(), kKeep, 2, 2)), EINVAL);
  EXPECT_EQ(error_of(table->add(file(), kKeep, 0)), EMFILE);
  EXPECT_EQ(error_of(table->put(2, file(), kKeep, 2)), EBADF);
  EXPECT_EQ(error_of(table->put(~u32{0}, file(), kKeep, ~u32{0})), EBADF);
  EXPECT_EQ(table->add(file(), kKeep, ~u32{0}, FdTable::kMost - 1).value(), FdTable::kMost - 1);
  EXPECT_EQ(error_of(table->add(file(), kKeep, ~u32{0}, FdTable::kMost - 1)), EMFILE);
  EXPECT_EQ(error_of(table->get(FdTable::kMost)), EBADF);
}

TEST_F(FdTableTest, DupSharesTheOpenFileAndForkCopiesTheTable) {
  const u32 fd = table->add(open("/f", OpenFlags::kReadWrite).take(), kClose, kLimit).value();
  EXPECT_EQ(error_of(table->put(70, table->get(fd).take(), kKeep, kLimit)), 0);
  EXPECT_EQ(table->get(fd).value()->write(bytes_of("abc")).value(), 3u);
  EXPECT_EQ(table->get(70).value()->seek(0, Whence::current).value(), 3u);
  const Ref<FdTable> child = table->copy().take();
  EXPECT_EQ(child->get(70).value().get(), table->get(70).value().get());
  EXPECT_EQ(child->close_on_exec(fd).value(), kClose);
  EXPECT_EQ(error_of(child->close(70)), 0);
  EXPECT_EQ(error_of(table->get(70)), 0);
  child->close_on_exec();
  EXPECT_EQ(error_of(child->get(fd)), EBADF);
  EXPECT_EQ(error_of(table->get(fd)), 0);
  EXPECT_EQ(error_of(table->put(70, file(), kKeep, kLimit)), 0) << "in the other's place";
  EXPECT_EQ(table->get(fd).value()->references(), 2u) << "the table and this";
}

TEST_F(FdTableTest, RangesAreClosedOrMarked) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(error_of(table->add(file(), kKeep, kLimit)), 0);
  table->close_range(3, 5);
  EXPECT_EQ(table->next(3), 6u);
  table->set_close_on_exec(8, ~u32{0});
  table->close_on_exec();
  EXPECT_EQ(table->next(7), 7u);
  EXPECT_EQ(table->next(8), FdTable::kMost);
  table->close_range(0, ~u32{0});
  EXPECT_EQ(table->next(0), FdTable::kMost);
}

TEST_F(FdTableTest, RunningOutOfMemoryLeavesTheTableAsItWas) {
  const Ref<File> one = file();
  for (u64 nth = 1;; ++nth) {
    const Ref<FdTable> fresh = FdTable::make().take();
    FailAllocation fail(nth);
    const Result<u32> added = fresh->add(one, kKeep, kLimit, 300);
    const Result<Ref<FdTable>> copied = fresh->copy();
    if (!fail.has_fired()) {
      EXPECT_EQ(error_of(added), 0);
      EXPECT_EQ(error_of(copied), 0);
      EXPECT_GT(nth, 2u);
      break;
    }
    count_injections("FdTable");
    EXPECT_EQ(error_of(added) + error_of(copied), ENOMEM) << "one of them";
    EXPECT_EQ(fresh->next(0), added.has_value() ? 300u : FdTable::kMost);
  }
  EXPECT_EQ(one->references(), 1u);
}

TEST_F(FdTableTest, HoldsWhatAMapHolds) {
  std::mt19937_64 random(test_seed() + 62);
  struct Entry {
    File* file;
    bool close;
  };
  std::map<u32, Entry> model;
  const Ref<File> files[] = {file(), file(), file()};
  const auto lowest = [&](u32 from) {
    while (model.contains(from)) ++from;
    return from;
  };
  for (int i = 0; i < 20'000; ++i) {
    const Ref<File>& some = files[random() % 3];
    const auto how = random() % 2 == 0 ? kKeep : kClose;
    const u32 fd = static_cast<u32>(random() % 300);
    switch (random() % 6) {
      case 0:
      case 1: {
        const u32 least = random() % 2 == 0 ? 0 : fd, expected = lowest(least);
        const Result<u32> added = table->add(some, how, 290, least);
        if (least != 0 && least >= 290) {
          ASSERT_EQ(error_of(added), EINVAL);
        } else if (expected >= 290) {
          ASSERT_EQ(error_of(added), EMFILE);
        } else {
          ASSERT_EQ(added.value(), expected);
          model[expected] = {some.get(), how == kClose};
        }
        break;
      }
      case 2:
        ASSERT_EQ(error_of(table->put(fd, some, how, 300)), 0);
        model[fd] = {some.get(), how == kClose};
        break;
      case 3:
        ASSERT_EQ(error_of(table->close(fd)), model.erase(fd) != 0 ? 0 : EBADF);
        break;
      case 4:
        if (random() % 200 != 0) break;
        table->close_on_exec();
        std::erase_if(model, [](const auto& entry) { return entry.second.close; });
        break;
      default:
        ASSERT_EQ(error_of(table->set_close_on_exec(fd, how)), model.contains(fd) ? 0 : EBADF);
        if (model.contains(fd)) model[fd].close = how == kClose;
    }
    const auto found = table->get(fd);
    ASSERT_EQ(found.has_value() ? found.value().get() : nullptr,
              model.contains(fd) ? model[fd].file : nullptr);
    const auto next = model.lower_bound(fd);
    ASSERT_EQ(table->next(fd), next == model.end() ? FdTable::kMost : next->first);
  }
}

}  // namespace
}  // namespace meridian
