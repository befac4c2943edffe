// SPDX-License-Identifier: MIT
/// Random operations on a few forked address spaces against a model that knows nothing of tables,
/// frames or references: it keeps the bytes of each page. A TLB that forgets nothing watches.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/user_space.h"
#include "mm/user/zero_frame.h"
#include "seed.h"
#include "suspicious_tlb.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};
/// The pages that the test plays with lie on both sides of a 512 GiB boundary.
constexpr u64 kBase = (u64{1} << 39) - 20 * kPageSize, kPages = 48;

/// Few, so that they meet each other's bytes. (The last byte of the file's last page is after its
/// end.)
constexpr u64 kOffsets[] = {0, 1, 2047, 4095};

using Bytes = std::vector<u8>;

struct ModelObject {
  u64 pages;  // within its size
  std::map<u64, Bytes> contents;
};
struct ModelPage {
  Protection protection;
  bool shared = false;
  std::shared_ptr<ModelObject> object;
  u64 object_page = 0;
  std::optional<Bytes> own;  // private contents, once written
  bool dont_fork = false, wipe_on_fork = false;

  bool past_end() const { return object != nullptr && object_page >= object->pages; }
  u8 read(u64 offset) const {
    if (own) return (*own)[offset];
    if (object == nullptr) return 0;
    const auto found = object->contents.find(object_page);
    return found == object->contents.end() ? u8{0} : found->second[offset];
  }
  void write(u64 offset, u8 value) {
    if (shared) {
      Bytes& bytes = object->contents[object_page];
      if (bytes.empty()) bytes.resize(kPageSize);
      bytes[offset] = value;
      return;
    }
    if (!own) {
      own = Bytes(kPageSize);
      for (u64 i = 0; i < kPageSize; ++i) own->at(i) = object == nullptr ? 0 : from_object(i);
    }
    (*own)[offset] = value;
  }

 private:
  u8 from_object(u64 offset) const {
    const auto found = object->contents.find(object_page);
    return found == object->contents.end() ? u8{0} : found->second[offset];
  }
};

/// A space and what it should hold.
struct Pair {
  Ref<UserSpace> space;
  std::map<u64, ModelPage> model;  // by number from kBase on
};

class UserSpaceModelTest : public testing::Test {
 protected:
  UserSpaceModelTest()
      : ram(std::initializer_list<PhysRange>{kRam}), random(test_seed() + 50), pairs(3) {
    file = MemoryObject::create(MemoryObject::Kind::file, 20 * kPageSize - 100).take();
    file_model = std::make_shared<ModelObject>(ModelObject{20, {}});
  }
  ~UserSpaceModelTest() override {
    pairs.clear();
    file.reset();
    file_model.reset();
    close_zero_frame();
    close_kmalloc();
    EXPECT_EQ(kRam.size() / kPageSize - free_frame_count() - ram.backing.frames(), 0u);
  }

  static UserAddr address(u64 page) { return UserAddr(kBase + page * kPageSize); }
  static UserRange range(u64 first, u64 count) { return {address(first), count * kPageSize}; }
  u64 pick(u64 below) { return random() % below; }

  void start(Pair& pair) {
    pair.space = UserSpace::create().take();
    pair.model.clear();
    use(pair);
  }
  void use(Pair& pair) {
    asid_allocator().activate(pair.space->asid(), 0, [] {});
  }

  Protection some_protection() {
    static constexpr Protection kSome[] = {{},
                                           {.read = true},
                                           {.write = true},
                                           {.read = true, .write = true},
                                           {.read = true, .write = true},
                                           {.read = true, .execute = true}};
    return kSome[pick(std::size(kSome))];
  }

  void map(Pair& pair) {
    const u64 first = pick(kPages), count = 1 + pick(std::min<u64>(10, kPages - first));
    const bool with_file = pick(2), shared = pick(2);
    UserSpace::Request request{.address = address(first), .size = count * kPageSize, .traits = {}};
    request.place = UserSpace::Place::fixed;
    request.traits.protection = some_protection();
    request.traits.shared = shared;
    if (with_file) request.object = file, request.offset = pick(22) * kPageSize;
    if (!done(pair.space->map(request))) return;
    std::shared_ptr<ModelObject> object = with_file ? file_model : nullptr;
    if (!with_file && shared) object = std::make_shared<ModelObject>(ModelObject{count, {}});
    for (u64 i = 0; i < count; ++i)
      pair.model[first + i] = {.protection = request.traits.protection,
                               .shared = shared,
                               .object = object,
                               .object_page = (request.offset >> kPageShift) + i,
                               .own = {}};
  }
  void unmap(Pair& pair) {
    const u64 first = pick(kPages), count = 1 + pick(std::min<u64>(10, kPages - first));
    if (!done(pair.space->unmap(address(first), count * kPageSize))) return;
    for (u64 i = 0; i < count; ++i) pair.model.erase(first + i);
  }
  void protect(Pair& pair) {
    const u64 first = pick(kPages), count = 1 + pick(std::min<u64>(10, kPages - first));
    const Protection protection = some_protection();
    const Result<void> result = pair.space->protect(address(first), count * kPageSize, protection);
    if (!result.has_value() && result.error().code != Errc::not_mapped) return void(done(result));
    u64 changed = 0;
    for (; changed < count && pair.model.contains(first + changed); ++changed)
      pair.model[first + changed].protection = protection;
    EXPECT_EQ(result.has_value(), changed == count) << "a hole is an error";
  }
  void drop(Pair& pair) {
    const u64 first = pick(kPages), count = 1 + pick(std::min<u64>(10, kPages - first));
    const Result<void> result =
        pair.space->advise(address(first), count * kPageSize, Advice::dont_need);
    bool hole = false;
    for (u64 i = 0; i < count; ++i) {
      hole |= !pair.model.contains(first + i);
      if (pair.model.contains(first + i)) pair.model[first + i].own.reset();
    }
    EXPECT_EQ(result.has_value(), !hole);
  }
  void mark_for_fork(Pair& pair) {
    const u64 first = pick(kPages), count = 1 + pick(std::min<u64>(10, kPages - first));
    const bool set = pick(2);
    const Result<void> result = pair.space->advise(address(first), count * kPageSize,
                                                   set ? Advice::dont_fork : Advice::do_fork);
    if (!result.has_value() && result.error().code != Errc::not_mapped) return void(done(result));
    for (u64 i = 0; i < count; ++i)
      if (pair.model.contains(first + i)) pair.model[first + i].dont_fork = set;
  }
  void mark_for_wipe(Pair& pair) {
    const u64 first = pick(kPages);
    const auto page = pair.model.find(first);
    const Result<void> result = pair.space->advise(address(first), kPageSize, Advice::wipe_on_fork);
    if (!result.has_value()) {
      if (result.error().code == Errc::out_of_frames) return void(done(result));
      EXPECT_TRUE(page == pair.model.end() || page->second.object != nullptr);
      return;
    }
    page->second.wipe_on_fork = true;
  }
  /// Moves a run of alike pages to a free place, perhaps making it shorter on the way.
  void move(Pair& pair) {
    const u64 first = pick(kPages), to = pick(kPages), keep = pick(4) == 0;
    const u64 old_count = 1 + pick(6);
    const u64 new_count = keep ? old_count : 1 + pick(6);
    if (to + new_count > kPages || first + old_count > kPages) return;
    if (to < first + old_count && first < to + new_count) return;
    for (u64 i = 0; i < new_count; ++i)
      if (pair.model.contains(to + i)) return;
    UserSpace::Move request{.from = address(first),
                            .old_size = old_count * kPageSize,
                            .new_size = new_count * kPageSize};
    request.may_move = request.fixed = true;
    request.keep_old = keep;
    request.to = address(to);
    const Result<UserAddr> result = pair.space->remap(request);
    if (!result.has_value()) {
      // As on Linux, what would be cut off may be gone all the same.
      for (u64 i = new_count; i < old_count; ++i)
        if (!is_mapped(pair, first + i)) pair.model.erase(first + i);
      const Errc code = result.error().code;
      EXPECT_TRUE(code == Errc::fault || (failing && code == Errc::out_of_frames));
      return;
    }
    const ModelPage last = pair.model.at(first + std::min(old_count, new_count) - 1);
    for (u64 i = 0; i < new_count; ++i) {
      ModelPage moved = i < old_count ? pair.model.at(first + i) : last;
      if (i >= old_count) {
        moved.own.reset();
        moved.object_page += i + 1 - old_count;
      }
      pair.model[to + i] = moved;
    }
    for (u64 i = 0; i < old_count; ++i) {
      if (keep)
        pair.model[first + i].own.reset();
      else
        pair.model.erase(first + i);
    }
  }
  bool is_mapped(Pair& pair, u64 page) {
    bool found = false;
    pair.space->for_each_vma([&](const Vma& vma) { found |= vma.range().contains(address(page)); });
    return found;
  }
  void fork(Pair& pair) {
    Pair& child = pairs[pick(pairs.size())];
    if (&child == &pair) return;
    child.space.reset();
    Result<Ref<UserSpace>> copy = pair.space->duplicate();
    if (!done(copy)) return start(child);
    child.space = copy.take();
    use(child);
    child.model = pair.model;
    std::erase_if(child.model, [](const auto& page) { return page.second.dont_fork; });
    for (auto& [number, page] : child.model)
      if (page.wipe_on_fork) page.own.reset();
  }

  /// The program reads or writes a byte; a fault is resolved, or is the one that the model expects.
  void touch(Pair& pair) {
    const u64 page = pick(kPages), offset = kOffsets[pick(std::size(kOffsets))];
    const UserAccess how = static_cast<UserAccess>(pick(3));
    const u64 va = address(page).value() + offset;
    const u64 root = pair.space->root().address().value();
    const auto known = pair.model.find(page);
    const auto allowed = [&] {
      const auto view = el0_view(root, va);
      if (!view || !view->read) return false;
      return how == UserAccess::read || (how == UserAccess::write ? view->write : view->execute);
    };
    if (!allowed()) {
      const FaultOutcome outcome = pair.space->resolve(UserAddr(va), how);
      if (outcome == FaultOutcome::out_of_memory) {
        EXPECT_TRUE(failing);
        return;
      }
      FaultOutcome expected = FaultOutcome::resolved;
      if (known == pair.model.end())
        expected = FaultOutcome::not_mapped;
      else if (!permits(known->second.protection, how))
        expected = FaultOutcome::no_right;
      else if (known->second.past_end())
        expected = FaultOutcome::past_end;
      ASSERT_EQ(outcome, expected) << page;
      if (outcome != FaultOutcome::resolved) return;
    }
    ASSERT_TRUE(allowed()) << "the fault would come again and again";
    ASSERT_NE(known, pair.model.end());
    ASSERT_TRUE(permits(known->second.protection, how));
    u8& byte = *linear_map.pointer<u8>(PhysAddr(el0_view(root, va)->pa));
    ASSERT_EQ(byte, known->second.read(offset)) << page;
    if (how != UserAccess::write) return;
    byte = static_cast<u8>(random());
    known->second.write(offset, byte);
  }
  void write_file() {
    const u64 page = pick(file_model->pages), offset = kOffsets[pick(std::size(kOffsets) - 1)];
    const std::byte value{static_cast<u8>(random())};
    if (!done(file->write(page * kPageSize + offset, {&value, 1}))) return;
    Bytes& bytes = file_model->contents[page];
    if (bytes.empty()) bytes.resize(kPageSize);
    bytes[offset] = static_cast<u8>(value);
  }

  /// The file becomes shorter or longer, at its old last page's odd end or at a page's.
  void resize_file() {
    const u64 pages = 10 + pick(11), cut = pick(2) * 100;
    ASSERT_TRUE(file->resize(pages * kPageSize - cut));
    file_model->pages = pages;
    file_model->contents.erase(file_model->contents.lower_bound(pages),
                               file_model->contents.end());
    if (const auto last = file_model->contents.find(pages - 1);
        last != file_model->contents.end() && cut != 0)
      std::fill(last->second.end() - 100, last->second.end(), u8{0});
    for (Pair& pair : pairs)
      for (auto& [number, page] : pair.model)
        if (page.object == file_model && page.past_end()) page.own.reset();
  }

  /// True if it was done; else it must be because memory ran out on purpose.
  template <typename T>
  bool done(const Result<T>& result) {
    if (result.has_value()) return true;
    EXPECT_EQ(result.error().code, Errc::out_of_frames);
    EXPECT_TRUE(failing);
    return false;
  }

  /// The CPUs look at everything that they can, in all spaces.
  void look() {
    for (Pair& pair : pairs)
      for (u64 i = 0; i < kPages; ++i)
        tlb.see(pair.space->root().address().value(), pair.space->asid().asid(),
                address(i).value());
  }
  /// The VMAs say of each page what the model says, and are as few as can be.
  void check_vmas(Pair& pair) {
    std::map<u64, const Vma*> by_page;
    const Vma* before = nullptr;
    pair.space->for_each_vma([&](const Vma& vma) {
      for (u64 i = 0; i < vma.pages(); ++i)
        by_page[(vma.start() - UserAddr(kBase)) / kPageSize + i] = &vma;
      if (before != nullptr && before->end() == vma.start()) {
        const bool follows = !vma.object || before->first_page + before->pages() == vma.first_page;
        EXPECT_FALSE(before->traits == vma.traits && before->object == vma.object && follows)
            << "two that could be one";
      }
      before = &vma;
    });
    ASSERT_EQ(by_page.size(), pair.model.size());
    for (const auto& [page, known] : pair.model) {
      ASSERT_TRUE(by_page.contains(page));
      const Vma& vma = *by_page[page];
      ASSERT_EQ(vma.traits.protection, known.protection) << page;
      ASSERT_EQ(vma.traits.shared, known.shared);
      ASSERT_EQ(static_cast<bool>(vma.object), known.object != nullptr);
      if (known.object) {
        ASSERT_EQ(vma.page_at(address(page)), known.object_page);
      }
    }
    const SpaceStats stats = pair.space->stats();
    u64 resident = 0;
    for (u64 i = 0; i < kPages; ++i) {
      const auto mapped = pair.space->translate(address(i));
      if (mapped.has_value() && !is_zero_frame(Frame::containing(mapped.value().pa))) ++resident;
    }
    ASSERT_EQ(stats.resident(), resident);
    ASSERT_EQ(stats.mapped, pair.model.size());
  }

  void step(unsigned which, Pair& pair) {
    switch (which) {
      case 0:
      case 1:
        return map(pair);
      case 2:
        return unmap(pair);
      case 3:
      case 4:
        return protect(pair);
      case 5:
        return drop(pair);
      case 6:
        return fork(pair);
      case 7:
      case 8:
        return move(pair);
      case 9:
        return mark_for_fork(pair);
      case 10:
        return mark_for_wipe(pair);
      case 11:
        return write_file();
      case 12:
        return resize_file();
      default:
        return touch(pair);
    }
  }

  FakeMachine ram;
  std::mt19937_64 random;
  SuspiciousTlb tlb;
  std::vector<Pair> pairs;
  Ref<MemoryObject> file;
  std::shared_ptr<ModelObject> file_model;
  bool failing = false;
};

TEST_F(UserSpaceModelTest, HoldsWhatAModelOfBytesSaysAndNoTlbIsLeftBehind) {
  u64 injected = 0;
  for (Pair& pair : pairs) start(pair);
  for (int i = 0; i < 12'000; ++i) {
    SCOPED_TRACE(i);
    look();
    Pair& pair = pairs[pick(pairs.size())];
    const unsigned which = static_cast<unsigned>(pick(40));
    {
      failing = pick(3) == 0;
      std::optional<FailAllocation> fail;
      if (failing) fail.emplace(1 + pick(5));
      step(which, pair);
      injected += failing && fail->has_fired();
    }
    tlb.check();
    ASSERT_TRUE(tlb.complaints.empty()) << tlb.complaints.front() << " after " << which;
    if (i % 8 == 0 || which < 13)
      for (Pair& each : pairs) check_vmas(each);
    ASSERT_FALSE(HasFailure()) << "after operation " << which;
  }
  EXPECT_GT(injected, 20u);
  count_injections("user space", injected);
}

}  // namespace
}  // namespace meridian
