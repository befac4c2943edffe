// SPDX-License-Identifier: MIT
/// What a system call about memory answers: Linux's error numbers, one by one, and what it did. The
/// numbers are literals, from the manual pages and from measurements of Linux 6.1.
#include "mm/user/user_space.h"

#include <gtest/gtest.h>

#include "bad_inputs.h"
#include "el0_oracle.h"
#include "fake_ram.h"
#include "kernel/syscall/errno.h"
#include "mm/frames/failure_injection.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/user_layout.h"
#include "mm/user/zero_frame.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};
constexpr u64 kEnd = u64{1} << 48, kPage = 4096;
constexpr UserAddr kBase{0x10'0000'0000};

constexpr int kOk = 0, kEperm = 1, kEagain = 11, kEnomem = 12, kEacces = 13, kEfault = 14,
              kEbusy = 16, kEexist = 17, kEinval = 22;

constexpr Protection kNone{}, kRead{.read = true}, kReadWrite{.read = true, .write = true},
    kReadExecute{.read = true, .execute = true}, kAll{.read = true, .write = true, .execute = true};

/// What the program would find in errno; 0 for success.
template <typename T>
int errno_of_result(const Result<T>& result) {
  return result.has_value() ? 0 : static_cast<int>(errno_of(result.error().code));
}

class UserSpaceTest : public testing::Test {
 protected:
  UserSpaceTest() : ram(std::initializer_list<PhysRange>{kRam}), space(UserSpace::create().take()) {
    asid_allocator().activate(space->asid(), 0, [] {});
  }
  ~UserSpaceTest() override {
    space.reset();
    object.reset();
    close_zero_frame();
    close_kmalloc();
    EXPECT_EQ(kRam.size() / kPage - free_frame_count() - ram.backing.frames(), 0u)
        << "frames are missing, or too many came back";
  }

  static UserSpace::Request request(UserAddr at, u64 size, Protection protection = kReadWrite) {
    UserSpace::Request wanted{.address = at, .size = size, .traits = {}};
    wanted.place = UserSpace::Place::fixed;
    wanted.traits.protection = protection;
    return wanted;
  }
  UserAddr page(u64 index) const { return kBase + index * kPage; }
  void map(u64 first, u64 count, Protection protection = kReadWrite) {
    ASSERT_TRUE(space->map(request(page(first), count * kPage, protection)));
  }
  /// `bytes` of a file, of which page i is full of i + 1, shared or private.
  void map_file(u64 first, u64 count, u64 bytes, bool shared, Protection protection) {
    object = MemoryObject::create(MemoryObject::Kind::file).take();
    for (u64 i = 0; i * kPage < bytes; ++i) {
      const std::vector<std::byte> fill(std::min(kPage, bytes - i * kPage),
                                        std::byte{static_cast<u8>(i + 1)});
      ASSERT_TRUE(object->write(i * kPage, fill));
    }
    UserSpace::Request wanted = request(page(first), count * kPage, protection);
    wanted.traits.shared = shared;
    wanted.object = object;
    ASSERT_TRUE(space->map(wanted));
  }
  FaultOutcome touch(u64 index, UserAccess access) { return space->resolve(page(index), access); }
  FaultOutcome write(u64 index) { return touch(index, UserAccess::write); }
  FaultOutcome read(u64 index) { return touch(index, UserAccess::read); }
  std::optional<El0View> view(const UserSpace& of, u64 index) const {
    UserSpace& s = const_cast<UserSpace&>(of);
    return el0_view(s.root().address().value(), page(index).value());
  }
  u8& byte_at(u64 index) { return *linear_map.pointer<u8>(PhysAddr(view(*space, index)->pa)); }
  Frame frame_at(u64 index) { return Frame::containing(PhysAddr(view(*space, index)->pa)); }
  usize vmas() { return space->vma_count(); }

  FakeMachine ram;
  Ref<UserSpace> space;
  Ref<MemoryObject> object;
};

TEST_F(UserSpaceTest, MmapRefusesWhatLinuxRefuses) {
  const auto at = [&](u64 address, u64 size, UserSpace::Place place) {
    UserSpace::Request wanted = request(UserAddr(address), size);
    wanted.place = place;
    count_bad_input("mmap");
    return errno_of_result(space->map(wanted));
  };
  using enum UserSpace::Place;
  map(0, 4);
  EXPECT_EQ(at(0, 0, hint), kEinval);
  EXPECT_EQ(at(0, kEnd, hint), kEnomem);
  EXPECT_EQ(at(0, ~u64{0}, hint), kEnomem);
  EXPECT_EQ(at(0, ~u64{0} - 4094, hint), kEnomem);
  EXPECT_EQ(at(kBase.value() + 1, kPage, fixed), kEinval);
  EXPECT_EQ(at(kEnd, kPage, fixed), kEnomem);
  EXPECT_EQ(at(kEnd - kPage, 2 * kPage, fixed), kEnomem);
  EXPECT_EQ(at(0xffff'0000'0000'0000, kPage, fixed), kEnomem);
  EXPECT_EQ(at(0, kPage, fixed), kEperm) << "mmap_min_addr";
  EXPECT_EQ(at(0xf000, kPage, fixed), kEperm);
  EXPECT_EQ(at(0x1'0000, kPage, fixed), kOk);
  EXPECT_EQ(at(page(3).value(), kPage, fixed_no_replace), kEexist);
  EXPECT_EQ(at(page(4).value(), kPage, fixed_no_replace), kOk);

  UserSpace::Request wanted = request(page(9), kPage, kAll);
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEacces) << "never writable and executable";
  wanted = request(page(9), kPage);
  wanted.traits.most = kRead;
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEacces) << "a file opened for reading";
  object = MemoryObject::create(MemoryObject::Kind::file, kPage).take();
  wanted = request(page(9), kPage);
  wanted.object = object;
  wanted.offset = 100;
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEinval);
}

TEST_F(UserSpaceTest, MmapTakesAHintThatIsFreeAndElseGoesBelowTheRoomForTheStack) {
  UserSpace::Request wanted = request(page(0) + 123, 100);
  wanted.place = UserSpace::Place::hint;
  EXPECT_EQ(space->map(wanted).value(), page(0)) << "rounded down";
  const UserAddr top = user_layout().mmap_top;
  EXPECT_EQ(space->map(wanted).value(), top - kPage) << "taken: from the top";
  EXPECT_EQ(space->map(wanted).value(), top - 2 * kPage);
  wanted.address = UserAddr(0x1000);
  EXPECT_EQ(space->map(wanted).value(), UserAddr(0x1'0000)) << "below the lowest";
  wanted.address = UserAddr(0);
  wanted.size = kEnd - 256_MiB;
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEnomem);
}

/// The machine has 64 MiB.
TEST_F(UserSpaceTest, NobodyGetsMoreAtOnceThanThereIs) {
  EXPECT_EQ(errno_of_result(space->map(request(page(0), 65_MiB))), kEnomem);
  EXPECT_EQ(errno_of_result(space->map(request(page(0), 65_MiB, kRead))), kOk);
  UserSpace::Request wanted = request(page(0), 65_MiB);
  wanted.no_reserve = true;
  EXPECT_EQ(errno_of_result(space->map(wanted)), kOk);
  space->set_break_start(page(100'000));
  EXPECT_EQ(space->move_break(page(100'000) + 65_MiB), page(100'000));
}

TEST_F(UserSpaceTest, MapFixedTakesThePlaceOfWhatWasThere) {
  map(0, 4);
  for (u64 i = 0; i < 4; ++i) ASSERT_EQ(write(i), FaultOutcome::resolved);
  map(1, 2, kRead);
  EXPECT_EQ(vmas(), 3u);
  EXPECT_FALSE(view(*space, 1));
  EXPECT_TRUE(view(*space, 0) && view(*space, 3));
  EXPECT_EQ(space->stats().resident(), 2u);
  EXPECT_EQ(space->stats().mapped, 4u);
}

TEST_F(UserSpaceTest, MunmapAnswersAsLinux) {
  map(0, 8);
  const auto at = [&](UserAddr start, u64 size) {
    return errno_of_result(space->unmap(start, size));
  };
  EXPECT_EQ(at(page(0) + 1, kPage), kEinval);
  EXPECT_EQ(at(page(0), 0), kEinval);
  EXPECT_EQ(at(UserAddr(kEnd), kPage), kEinval);
  EXPECT_EQ(at(page(0), ~u64{0}), kEinval);
  EXPECT_EQ(at(page(100), kPage), kOk) << "holes are fine";
  EXPECT_EQ(at(page(2), kPage + 1), kOk) << "two pages";
  EXPECT_EQ(vmas(), 2u);
  EXPECT_EQ(read(3), FaultOutcome::not_mapped);
  EXPECT_EQ(read(4), FaultOutcome::resolved);
  EXPECT_EQ(at(UserAddr(0), kEnd), kOk);
  EXPECT_EQ(vmas(), 0u);
}

TEST_F(UserSpaceTest, MprotectChangesWhatComesBeforeAHole) {
  map(0, 2);
  map(3, 1);
  const auto at = [&](UserAddr start, u64 size, Protection protection) {
    return errno_of_result(space->protect(start, size, protection));
  };
  EXPECT_EQ(at(page(0) + 1, kPage, kRead), kEinval);
  EXPECT_EQ(at(page(0), 0, kRead), kOk);
  EXPECT_EQ(at(page(9), kPage, kRead), kEnomem);
  EXPECT_EQ(at(page(0), ~u64{0}, kRead), kEnomem);
  EXPECT_EQ(at(page(0), kPage, kAll), kEacces);
  EXPECT_EQ(write(1), FaultOutcome::resolved);
  EXPECT_EQ(at(page(1), 3 * kPage, kRead), kEnomem);
  EXPECT_EQ(write(1), FaultOutcome::no_right);
  EXPECT_EQ(write(3), FaultOutcome::resolved) << "after the hole nothing has changed";
  EXPECT_EQ(at(page(1), kPage, kReadWrite), kOk);
  EXPECT_EQ(vmas(), 2u) << "alike again";
}

TEST_F(UserSpaceTest, MprotectGivesASharedFileNoMoreThanItWasOpenedFor) {
  map_file(0, 2, 2 * kPage, true, kRead);
  UserSpace::Request wanted = request(page(4), kPage, kRead);
  wanted.traits.shared = true;
  wanted.traits.most = {.read = true, .execute = true};
  wanted.object = object;
  ASSERT_TRUE(space->map(wanted));
  EXPECT_EQ(errno_of_result(space->protect(page(4), kPage, kReadWrite)), kEacces);
  EXPECT_EQ(errno_of_result(space->protect(page(0), kPage, kReadWrite)), kOk);
}

TEST_F(UserSpaceTest, ProtNoneKeepsWhatIsThereOutOfReach) {
  map(0, 1);
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  byte_at(0) = 42;
  ASSERT_TRUE(space->protect(page(0), kPage, kNone));
  EXPECT_FALSE(view(*space, 0)->read);
  EXPECT_EQ(read(0), FaultOutcome::no_right);
  ASSERT_TRUE(space->protect(page(0), kPage, kRead));
  EXPECT_TRUE(view(*space, 0)->read && !view(*space, 0)->write);
  EXPECT_EQ(byte_at(0), 42);
}

TEST_F(UserSpaceTest, APageIsAZeroFrameUntilItIsWritten) {
  map(0, 3);
  EXPECT_EQ(space->stats().resident(), 0u);
  ASSERT_EQ(read(0), FaultOutcome::resolved);
  ASSERT_EQ(read(1), FaultOutcome::resolved);
  EXPECT_EQ(frame_at(0), frame_at(1)) << "one for all";
  EXPECT_FALSE(view(*space, 0)->write);
  EXPECT_EQ(space->stats().resident(), 0u);
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  EXPECT_NE(frame_at(0), frame_at(1));
  EXPECT_TRUE(view(*space, 0)->write && !view(*space, 0)->execute);
  EXPECT_EQ(space->stats().anonymous, 1u);
  EXPECT_EQ(space->stats().minor_faults, 3u);
  EXPECT_EQ(read(3), FaultOutcome::not_mapped);
  EXPECT_EQ(touch(0, UserAccess::execute), FaultOutcome::no_right);
  EXPECT_EQ(space->resolve(UserAddr(kEnd), UserAccess::read), FaultOutcome::not_mapped);
  EXPECT_EQ(space->resolve(UserAddr(~u64{0}), UserAccess::read), FaultOutcome::not_mapped);
}

TEST_F(UserSpaceTest, ASecondFaultForTheSamePageChangesNothing) {
  map(0, 1);
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  const Frame frame = frame_at(0);
  const u64 tlbis = arch::tlbi_count();
  EXPECT_EQ(write(0), FaultOutcome::resolved) << "another CPU was first";
  EXPECT_EQ(frame_at(0), frame);
  EXPECT_EQ(arch::tlbi_count(), tlbis);
}

TEST_F(UserSpaceTest, APrivateFilePageIsTheFilesUntilItIsWritten) {
  map_file(0, 2, 2 * kPage, false, kReadWrite);
  ASSERT_EQ(read(0), FaultOutcome::resolved);
  EXPECT_EQ(frame_at(0), object->find(0).frame());
  EXPECT_FALSE(view(*space, 0)->write);
  EXPECT_EQ(space->stats().file, 1u);
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  EXPECT_NE(frame_at(0), object->find(0).frame());
  EXPECT_EQ(byte_at(0), 1);
  byte_at(0) = 99;
  u8 in_file = 0;
  object->read(0, std::as_writable_bytes(std::span(&in_file, 1)));
  EXPECT_EQ(in_file, 1);
  EXPECT_EQ(space->stats().file, 0u);
  EXPECT_EQ(space->stats().anonymous, 1u);
}

TEST_F(UserSpaceTest, ASharedFilePageIsTheFiles) {
  map_file(0, 4, 2 * kPage + 10, true, kReadWrite);
  ASSERT_EQ(write(1), FaultOutcome::resolved);
  byte_at(1) = 77;
  u8 in_file = 0;
  object->read(kPage, std::as_writable_bytes(std::span(&in_file, 1)));
  EXPECT_EQ(in_file, 77);
  EXPECT_EQ(read(2), FaultOutcome::resolved) << "the last page is partly the file's";
  EXPECT_EQ(read(3), FaultOutcome::past_end);
  EXPECT_EQ(write(3), FaultOutcome::past_end);
  EXPECT_EQ(frame_info(frame_at(1)).references(), 2u) << "the file's and the mapping's";
}

/// The file shrinks while it is mapped, shared and private, here and in a child: what lay beyond its new
/// end is gone from all, the private copies too (Linux: SIGBUS), and comes back as zeros.
TEST_F(UserSpaceTest, PagesThatAreCutOffAFileLeaveEveryMapping) {
  map_file(0, 4, 4 * kPage, true, kReadWrite);
  UserSpace::Request wanted = request(page(10), 3 * kPage);
  wanted.object = object;
  wanted.offset = kPage;
  ASSERT_TRUE(space->map(wanted));
  for (const u64 i : {0, 1, 2, 3, 10, 11, 12}) ASSERT_EQ(write(i), FaultOutcome::resolved);
  const Ref<UserSpace> child = space->duplicate().take();
  ASSERT_EQ(child->resolve(page(3), UserAccess::read), FaultOutcome::resolved);

  ASSERT_TRUE(object->resize(2 * kPage - 100));
  EXPECT_TRUE(view(*space, 0) && view(*space, 1) && view(*space, 10));
  for (const u64 i : {2, 3, 11, 12}) {
    EXPECT_FALSE(view(*space, i)) << i;
    EXPECT_FALSE(view(*child, i)) << i;
    EXPECT_EQ(read(i), FaultOutcome::past_end);
    EXPECT_EQ(child->resolve(page(i), UserAccess::write), FaultOutcome::past_end);
  }
  EXPECT_TRUE(view(*child, 10)) << "its copy lies before the end";
  EXPECT_EQ(space->stats().resident(), 3u);

  ASSERT_TRUE(object->resize(3 * kPage));
  EXPECT_EQ(read(2), FaultOutcome::resolved);
  EXPECT_EQ(byte_at(2), 0);
  EXPECT_EQ(read(3), FaultOutcome::past_end);
  byte_at(1) = 77;
  EXPECT_EQ(child->resolve(page(1), UserAccess::read), FaultOutcome::resolved);
  EXPECT_EQ(view(*child, 1)->pa, view(*space, 1)->pa) << "still one page";
}

TEST_F(UserSpaceTest, ForkSharesFramesUntilOneSideWrites) {
  map(0, 3);
  for (u64 i = 0; i < 2; ++i) {
    ASSERT_EQ(write(i), FaultOutcome::resolved);
    byte_at(i) = 5;
  }
  ASSERT_EQ(read(2), FaultOutcome::resolved);
  const Frame frame = frame_at(0);
  const u64 tlbis = arch::tlbi_count();
  Ref<UserSpace> child = space->duplicate().take();
  EXPECT_EQ(arch::tlbi_count() - tlbis, 2u) << "one for each page that was writable";
  EXPECT_EQ(view(*child, 0)->pa, view(*space, 0)->pa);
  EXPECT_FALSE(view(*child, 0)->write || view(*space, 0)->write);
  EXPECT_EQ(frame_info(frame).references(), 2u);
  EXPECT_EQ(child->stats().anonymous, 2u);

  ASSERT_EQ(write(0), FaultOutcome::resolved);
  EXPECT_NE(frame_at(0), frame) << "the writer gets a copy";
  EXPECT_EQ(byte_at(0), 5);
  EXPECT_EQ(frame_info(frame).references(), 1u);
  ASSERT_EQ(child->resolve(page(0), UserAccess::write), FaultOutcome::resolved);
  EXPECT_EQ(view(*child, 0)->pa, frame.address().value()) << "the last owner keeps the frame";
  child.reset();
  const Frame second = frame_at(1);
  ASSERT_EQ(write(1), FaultOutcome::resolved);
  EXPECT_EQ(frame_at(1), second) << "alone again";
}

TEST_F(UserSpaceTest, ForkHonoursWhatMadviseSaid) {
  for (u64 i = 0; i < 3; ++i) {
    map(2 * i, 1);
    ASSERT_EQ(write(2 * i), FaultOutcome::resolved);
    byte_at(2 * i) = 9;
  }
  ASSERT_TRUE(space->advise(page(0), kPage, Advice::dont_fork));
  ASSERT_TRUE(space->advise(page(2), kPage, Advice::wipe_on_fork));
  ASSERT_TRUE(space->lock(page(4), kPage));
  const Ref<UserSpace> child = space->duplicate().take();
  EXPECT_EQ(child->resolve(page(0), UserAccess::read), FaultOutcome::not_mapped);
  EXPECT_FALSE(view(*child, 2)) << "zeros, when it is touched";
  EXPECT_TRUE(view(*child, 4));
  EXPECT_EQ(child->stats().locked, 0u);
  EXPECT_EQ(space->stats().locked, 1u);
}

TEST_F(UserSpaceTest, SharedAnonymousMemoryStaysSharedOverFork) {
  UserSpace::Request wanted = request(page(0), 2 * kPage);
  wanted.traits.shared = true;
  ASSERT_TRUE(space->map(wanted));
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  const Ref<UserSpace> child = space->duplicate().take();
  ASSERT_EQ(child->resolve(page(0), UserAccess::write), FaultOutcome::resolved);
  EXPECT_EQ(view(*child, 0)->pa, view(*space, 0)->pa);
  EXPECT_TRUE(view(*child, 0)->write && view(*space, 0)->write);
  EXPECT_EQ(child->stats().shared, 1u);
}

/// fork() of a space with pages in three last-level tables, each allocation failing in turn.
TEST_F(UserSpaceTest, AForkThatRunsOutOfFramesLeavesNothing) {
  for (const u64 i : {u64{0}, u64{1}, u64{600}, u64{300'000}}) {
    map(i, 1);
    ASSERT_EQ(write(i), FaultOutcome::resolved);
    byte_at(i) = static_cast<u8>(i + 1);
  }
  ASSERT_TRUE(space->duplicate()) << "slabs are warm now";
  const u64 before = free_frame_count();
  for (u64 nth = 1;; ++nth) {
    const FailAllocation fail(nth);
    const Result<Ref<UserSpace>> child = space->duplicate();
    if (child.has_value()) {
      EXPECT_GT(nth, 10u);
      break;
    }
    EXPECT_EQ(errno_of_result(child), kEnomem);
    ASSERT_EQ(free_frame_count(), before);
  }
  for (const u64 i : {u64{0}, u64{1}, u64{600}, u64{300'000}}) {
    EXPECT_EQ(write(i), FaultOutcome::resolved);
    EXPECT_EQ(byte_at(i), static_cast<u8>(i + 1));
  }
}

TEST_F(UserSpaceTest, BrkMovesToTheByteAndAnswersWhereItIs) {
  space->set_break_start(page(0));
  EXPECT_EQ(space->move_break(UserAddr(0)), page(0));
  EXPECT_EQ(space->move_break(page(1) + 0xb18), page(1) + 0xb18);
  EXPECT_EQ(write(1), FaultOutcome::resolved);
  EXPECT_EQ(write(2), FaultOutcome::not_mapped);
  EXPECT_EQ(space->move_break(page(1)), page(1));
  EXPECT_EQ(read(1), FaultOutcome::not_mapped) << "shrinking unmaps";
  EXPECT_EQ(space->move_break(page(0) - 1), page(1)) << "below its start";
  EXPECT_EQ(space->move_break(UserAddr(~u64{0})), page(1));
  map(10, 1);
  EXPECT_EQ(space->move_break(page(10)), page(1)) << "a page stays free below what is above";
  EXPECT_EQ(space->move_break(page(9)), page(9));
  space->set_limits({.data = 12 * kPage});
  ASSERT_TRUE(space->unmap(page(10), kPage));
  EXPECT_EQ(space->move_break(page(13)), page(9)) << "RLIMIT_DATA";
  EXPECT_EQ(space->move_break(page(12)), page(12));
}

TEST_F(UserSpaceTest, LimitsHold) {
  map(0, 4);
  space->set_limits({.address_space = 8 * kPage, .data = 6 * kPage});
  const auto at = [&](u64 first, u64 count, Protection protection) {
    return errno_of_result(space->map(request(page(first), count * kPage, protection)));
  };
  EXPECT_EQ(at(10, 5, kRead), kEnomem);
  EXPECT_EQ(at(10, 3, kReadWrite), kEnomem) << "RLIMIT_DATA";
  EXPECT_EQ(at(0, 5, kRead), kOk) << "four of them take the place of others";
  EXPECT_EQ(at(10, 3, kRead), kOk);
  EXPECT_EQ(at(20, 1, kRead), kEnomem);
  space->set_limits({.data = 2 * kPage});
  EXPECT_EQ(errno_of_result(space->protect(page(10), 3 * kPage, kReadWrite)), kEnomem);
}

TEST_F(UserSpaceTest, MremapAnswersAsLinux) {
  map(0, 4);
  map(8, 2, kRead);
  const auto move = [&](u64 from, u64 old_pages, u64 new_pages, bool may_move = false) {
    return space->remap({.from = page(from),
                         .old_size = old_pages * kPage,
                         .new_size = new_pages * kPage,
                         .may_move = may_move});
  };
  EXPECT_EQ(
      errno_of_result(space->remap({.from = page(0) + 1, .old_size = kPage, .new_size = kPage})),
      kEinval);
  EXPECT_EQ(errno_of_result(move(0, 4, 0)), kEinval);
  EXPECT_EQ(errno_of_result(move(0, 0, 4)), kEinval) << "only shared mappings are doubled";
  EXPECT_EQ(errno_of_result(move(6, 1, 2)), kEfault);
  EXPECT_EQ(errno_of_result(move(0, 5, 6, true)), kEfault) << "reaches out of the mapping";
  EXPECT_EQ(errno_of_result(move(0, 4, 9)), kEnomem) << "no room, and it may not move";
  EXPECT_EQ(move(0, 4, 8).value(), page(0)) << "in place";
  EXPECT_EQ(move(0, 8, 2).value(), page(0));
  EXPECT_EQ(read(2), FaultOutcome::not_mapped);
  UserSpace::Move fixed{.from = page(0), .old_size = kPage, .new_size = kPage, .fixed = true};
  fixed.to = page(20);
  EXPECT_EQ(errno_of_result(space->remap(fixed)), kEinval) << "fixed wants may_move";
  fixed.may_move = true;
  fixed.to = page(20) + 1;
  EXPECT_EQ(errno_of_result(space->remap(fixed)), kEinval);
  fixed.to = page(0);
  EXPECT_EQ(errno_of_result(space->remap(fixed)), kEinval) << "overlap";
  fixed.to = UserAddr(kEnd);
  EXPECT_EQ(errno_of_result(space->remap(fixed)), kEinval);
  fixed.to = page(8);
  EXPECT_EQ(space->remap(fixed).value(), page(8)) << "over what is there";
  EXPECT_EQ(write(8), FaultOutcome::resolved);
  EXPECT_EQ(write(0), FaultOutcome::not_mapped);
}

TEST_F(UserSpaceTest, MremapMovesThePagesThemselves) {
  map(0, 3);
  ASSERT_EQ(write(1), FaultOutcome::resolved);
  byte_at(1) = 33;
  const Frame frame = frame_at(1);
  map(3, 1, kRead);
  const UserAddr to =
      space
          ->remap({.from = page(0), .old_size = 3 * kPage, .new_size = 5 * kPage, .may_move = true})
          .value();
  const auto moved = space->translate(to + kPage);
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(Frame::containing(moved.value().pa), frame);
  EXPECT_EQ(read(1), FaultOutcome::not_mapped);
  EXPECT_EQ(space->stats().anonymous, 1u);
  EXPECT_EQ(space->stats().mapped, 6u);

  const UserAddr kept = space
                            ->remap({.from = to,
                                     .old_size = 5 * kPage,
                                     .new_size = 5 * kPage,
                                     .may_move = true,
                                     .keep_old = true})
                            .value();
  EXPECT_TRUE(space->translate(kept + kPage).has_value());
  EXPECT_FALSE(space->translate(to + kPage).has_value());
  EXPECT_EQ(space->resolve(to + kPage, UserAccess::write), FaultOutcome::resolved);
  EXPECT_EQ(space->stats().mapped, 11u);
}

TEST_F(UserSpaceTest, MremapOfNothingDoublesASharedMapping) {
  UserSpace::Request wanted = request(page(0), 2 * kPage);
  wanted.traits.shared = true;
  ASSERT_TRUE(space->map(wanted));
  ASSERT_EQ(write(0), FaultOutcome::resolved);
  const UserAddr again =
      space->remap({.from = page(0), .old_size = 0, .new_size = 2 * kPage, .may_move = true})
          .value();
  ASSERT_EQ(space->resolve(again, UserAccess::read), FaultOutcome::resolved);
  EXPECT_EQ(Frame::containing(space->translate(again).value().pa), frame_at(0));
}

TEST_F(UserSpaceTest, MadviseAnswersAsLinux) {
  map(0, 2);
  map(3, 1);
  const auto advise = [&](UserAddr start, u64 size, Advice advice) {
    return errno_of_result(space->advise(start, size, advice));
  };
  EXPECT_EQ(advise(page(0) + 1, kPage, Advice::dont_need), kEinval);
  for (const u32 unknown : {5u, 7u, 25u, 100u, ~0u})
    EXPECT_EQ(advise(page(0), kPage, static_cast<Advice>(unknown)), kEinval) << unknown;
  EXPECT_EQ(advise(page(0), 0, Advice::dont_need), kOk);
  EXPECT_EQ(advise(page(0), ~u64{0}, Advice::dont_need), kEinval);
  for (const Advice hint : {Advice::normal, Advice::will_need, Advice::huge_page, Advice::cold})
    EXPECT_EQ(advise(page(0), 2 * kPage, hint), kOk);
  for (const u64 i : {0, 1, 3}) ASSERT_EQ(write(i), FaultOutcome::resolved);
  EXPECT_EQ(advise(page(1), 3 * kPage, Advice::dont_need), kEnomem);
  EXPECT_EQ(space->stats().resident(), 1u) << "what lies behind the hole went too";
  ASSERT_EQ(read(1), FaultOutcome::resolved);
  EXPECT_EQ(byte_at(1), 0) << "zeros at once";
  map_file(10, 1, kPage, true, kReadWrite);
  EXPECT_EQ(advise(page(10), kPage, Advice::wipe_on_fork), kEinval);
  EXPECT_EQ(advise(page(10), kPage, Advice::free), kEinval);
  EXPECT_EQ(advise(page(0), kPage, Advice::free), kOk);
  EXPECT_EQ(advise(page(0), 2 * kPage, Advice::populate_write), kOk);
  EXPECT_EQ(space->stats().anonymous, 2u);
  EXPECT_EQ(advise(page(2), kPage, Advice::populate_read), kEnomem);
  map(5, 1, kRead);
  EXPECT_EQ(advise(page(5), kPage, Advice::populate_write), kEinval);
  ASSERT_TRUE(space->lock(page(3), kPage));
  EXPECT_EQ(advise(page(3), kPage, Advice::dont_need), kEinval) << "locked";
  EXPECT_EQ(advise(page(3), kPage, Advice::dont_need_locked), kOk);
}

TEST_F(UserSpaceTest, MlockTakesThePagesAndCountsThem) {
  map(0, 4);
  EXPECT_EQ(errno_of_result(space->lock(page(0) + 100, kPage)), kOk) << "two pages, from any byte";
  EXPECT_EQ(space->stats().locked, 2u);
  EXPECT_EQ(space->stats().anonymous, 2u);
  EXPECT_EQ(vmas(), 2u);
  EXPECT_EQ(errno_of_result(space->lock(page(0), 6 * kPage)), kEnomem) << "a hole";
  EXPECT_EQ(space->stats().locked, 4u) << "what lies before it is locked";
  EXPECT_EQ(errno_of_result(space->unlock(page(1), kPage)), kOk);
  EXPECT_EQ(space->stats().locked, 3u);
  space->set_limits({.locked = 3 * kPage});
  EXPECT_EQ(errno_of_result(space->lock(page(0), 4 * kPage)), kEnomem) << "RLIMIT_MEMLOCK";
  EXPECT_EQ(errno_of_result(space->lock(page(0), kPage)), kOk) << "locked already";
  UserSpace::Request wanted = request(page(8), kPage);
  wanted.traits.locked = true;
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEagain);
  space->set_limits({.locked = 0});
  EXPECT_EQ(errno_of_result(space->lock(page(0), kPage)), kEperm);
  EXPECT_EQ(errno_of_result(space->map(wanted)), kEperm);
  space->unlock_all();
  EXPECT_EQ(space->stats().locked, 0u);
  EXPECT_EQ(vmas(), 1u);
}

TEST_F(UserSpaceTest, Mlock2CanWaitUntilThePagesAreTouched) {
  map(0, 4);
  ASSERT_TRUE(space->lock(page(0), 2 * kPage, UserSpace::Lock::on_touch));
  EXPECT_EQ(space->stats().locked, 2u);
  EXPECT_EQ(space->stats().resident(), 0u);
  ASSERT_TRUE(space->lock(page(0), kPage));
  EXPECT_EQ(space->stats().locked, 2u);
  EXPECT_EQ(space->stats().resident(), 1u);
  EXPECT_EQ(errno_of_result(space->sync(page(0), 3 * kPage, {.invalidate = true})), kEbusy);
  EXPECT_EQ(errno_of_result(space->sync(page(2), kPage, {.invalidate = true})), kOk);
  space->unlock_all();
  ASSERT_TRUE(space->lock_all({.current = false, .future = true, .when = UserSpace::Lock::on_touch}));
  map(8, 2);
  EXPECT_EQ(space->stats().locked, 2u);
  EXPECT_EQ(space->stats().resident(), 1u);
}

TEST_F(UserSpaceTest, MlockallHoldsForWhatIsMappedLater) {
  map(0, 2);
  ASSERT_TRUE(space->lock_all({.current = true, .future = true}));
  EXPECT_EQ(space->stats().anonymous, 2u);
  map(2, 2);
  EXPECT_EQ(space->stats().anonymous, 4u);
  EXPECT_EQ(space->stats().locked, 4u);
  space->set_break_start(page(100));
  space->move_break(page(102));
  EXPECT_EQ(space->stats().locked, 6u);
  EXPECT_EQ(space->stats().anonymous, 6u);
}

TEST_F(UserSpaceTest, MincoreAndMsyncWantEveryPageMapped) {
  map(0, 2);
  ASSERT_EQ(write(1), FaultOutcome::resolved);
  std::vector<bool> seen;
  const auto note = [](void* list, u64, bool resident) {
    static_cast<std::vector<bool>*>(list)->push_back(resident);
  };
  EXPECT_EQ(errno_of_result(space->residency(page(0), kPage + 1, note, &seen)), kOk);
  EXPECT_EQ(seen, (std::vector<bool>{false, true}));
  EXPECT_EQ(errno_of_result(space->residency(page(0) + 1, kPage, note, &seen)), kEinval);
  EXPECT_EQ(errno_of_result(space->residency(page(0), 3 * kPage, note, &seen)), kEnomem);
  EXPECT_EQ(errno_of_result(space->residency(UserAddr(kEnd), kPage, note, &seen)), kEnomem);
  EXPECT_EQ(errno_of_result(space->sync(page(0), 2 * kPage, {})), kOk);
  EXPECT_EQ(errno_of_result(space->sync(page(0) + 1, kPage, {})), kEinval);
  EXPECT_EQ(errno_of_result(space->sync(page(1), 2 * kPage, {})), kEnomem);
}

TEST_F(UserSpaceTest, AStackGrowsDownToItsLimitAndNoNearerToOthers) {
  UserSpace::Request stack = request(page(1000), 2 * kPage);
  stack.traits.grows_down = true;
  ASSERT_TRUE(space->map(stack));
  EXPECT_EQ(write(997), FaultOutcome::resolved);
  EXPECT_EQ(space->stats().mapped, 5u);
  EXPECT_EQ(vmas(), 1u);
  space->set_limits({.stack = 10 * kPage});
  EXPECT_EQ(write(991), FaultOutcome::not_mapped) << "RLIMIT_STACK";
  EXPECT_EQ(write(992), FaultOutcome::resolved);
  space->set_limits({.stack = 8_MiB});
  map(700, 1);
  EXPECT_EQ(write(956), FaultOutcome::not_mapped) << "255 pages above another mapping";
  EXPECT_EQ(write(957), FaultOutcome::resolved);
  map(700, 1, kNone);
  EXPECT_EQ(write(800), FaultOutcome::resolved) << "what nobody can use is no danger";
}

TEST_F(UserSpaceTest, NothingIsPlacedNearBelowAStack) {
  const UserAddr top = user_layout().mmap_top;
  UserSpace::Request stack = request(top - 4 * kPage, 2 * kPage);
  stack.traits.grows_down = true;
  ASSERT_TRUE(space->map(stack));
  UserSpace::Request wanted = request(UserAddr(0), 4 * kPage);
  wanted.place = UserSpace::Place::hint;
  EXPECT_EQ(space->map(wanted).value(), top - 4 * kPage - 256 * kPage - 4 * kPage);
}

TEST_F(UserSpaceTest, MapPopulateBringsThePages) {
  UserSpace::Request wanted = request(page(0), 5 * kPage);
  wanted.populate = true;
  ASSERT_TRUE(space->map(wanted));
  EXPECT_EQ(space->stats().anonymous, 5u);
  for (u64 i = 0; i < 5; ++i) EXPECT_TRUE(view(*space, i)->write);
  EXPECT_EQ(space->stats().peak_resident, 5u);
  ASSERT_TRUE(space->unmap(page(0), 5 * kPage));
  EXPECT_EQ(space->stats().resident(), 0u);
  EXPECT_EQ(space->stats().peak_resident, 5u);
}

TEST_F(UserSpaceTest, TheKernelWritesToPagesThatTheProgramMayWrite) {
  map(0, 2);
  map(2, 1, kRead);
  const std::vector<std::byte> bytes(kPage, std::byte{0x5a});
  EXPECT_TRUE(space->write(page(0) + 100, bytes));
  std::vector<std::byte> back(kPage);
  EXPECT_TRUE(space->read(page(0) + 100, back));
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(space->write(page(1) + 1, bytes).error(), (Error{Errc::fault, page(2).value()}));
}

TEST_F(UserSpaceTest, TheEndOfASpaceFreesEverythingAfterOneInvalidation) {
  Ref<UserSpace> other = UserSpace::create().take();
  asid_allocator().activate(other->asid(), 0, [] {});
  const u64 before = free_frame_count();
  UserSpace::Request wanted = request(page(0), 200 * kPage);
  wanted.populate = true;
  ASSERT_TRUE(other->map(wanted));
  EXPECT_LE(free_frame_count(), before - 200);
  const u64 tlbis = arch::tlbi_count();
  other.reset();
  EXPECT_EQ(arch::tlbi_count(), tlbis + 1);
  EXPECT_GE(free_frame_count() + 2, before) << "but for slabs that have grown";
}

}  // namespace
}  // namespace meridian
