// SPDX-License-Identifier: MIT
#include "mm/slab/slab.h"

#include <algorithm>
#include <cstring>

#include "mm/frames/frame_allocator.h"
#include "mm/kernel/linear_map.h"
#include "mm/slab/cpu_lists.h"

namespace meridian {
namespace {

/// Empty slabs that a cache keeps for the next time.
constexpr u64 kEmptySlabsKept = 2;

/// Guards the handing out of ids.
constinit Spinlock ids_lock;

FrameTable& table() { return frame_allocator.table(); }
FrameInfo& entry_of(Frame frame) { return table()[frame]; }

u64 entry_of_linear_address_0() {
  const u64 page = linear_map.virt().start().value() >> kPageShift;
  const FrameRange first{Frame(linear_map.phys().start()), 1};
  return table().entries(first).start().value() - page * sizeof(FrameInfo);
}

/// A slab's entry without its link.
u64 unlinked(const FrameInfo& info) { return info.head() & ~FrameInfo::Next::kMask; }

void*& next_of(void* object) { return *static_cast<void**>(object); }

u8* past_link(void* object) { return static_cast<u8*>(object) + sizeof(void*); }

}  // namespace

SlabCache* slab_cache(usize id) { return slab_front.caches[id].load(std::memory_order_acquire); }

void drain_slab_caches() {
  for (usize id = 0; id < SlabCache::kMaxCaches; ++id)
    if (SlabCache* const cache = slab_cache(id)) cache->drain();
}

void check_object_given_out(void* object, usize size) {
  if (PlainMemory::active()) return;
  const bool written_after_free = !are_poisoned(past_link(object), size - sizeof(void*));
  CHECK(!written_after_free);
  std::memset(object, kObjectFresh, size);
}

void check_object_freed(void* object, usize size) {
  if (PlainMemory::active()) return;
  const usize checked = size - sizeof(void*);
  const bool freed_before = checked != 0 && are_poisoned(past_link(object), checked);
  CHECK(!freed_before);
  poison_words(object, size);
}

Result<void*> SlabCache::alloc() { return slab_alloc(*this, id_.load(std::memory_order_acquire)); }

void SlabCache::free(void* object) {
  const usize id = id_.load(std::memory_order_acquire);
  CHECK(FrameInfo::Cache::decode(slab_front.info(object).head()) == id);
  if (!slab_free(object, id)) free_slowly(object);
}

bool SlabCache::may_start_at(const void* object) const {
  const u64 offset = VirtAddr::of(object).value() & (slab_bytes() - 1);
  return offset % size_ == 0 && offset / size_ < capacity_;
}

Result<void*> SlabCache::alloc_slowly() {
  arch::IrqGuard irq;
  TRY(enroll());
  SlabCpuList& list = slab_front.list(id_.load(std::memory_order_acquire));
  if (list.first == nullptr) {
    Chain chain = lists_.with([&](Lists& lists) { return take_from_slab(lists); });
    if (chain.count == 0) chain = TRY(new_slab());
    list.first = chain.first;
    list.room -= static_cast<i64>(chain.count);
  }
  void* const object = list.pop();
  if constexpr (kSelfChecks) check_object_given_out(object, size_);
  return object;
}

/// On first use: gets an id, and tells the CPUs' lists how long they may be.
Result<void> SlabCache::enroll() {
  if (is_enrolled()) return {};
  SpinGuard guard(ids_lock);
  if (is_enrolled()) return {};
  usize id = id_.load(std::memory_order_relaxed);
  if (id == 0) {
    id = kKmallocSizes.size() + 1;
    while (id < kMaxCaches && slab_cache(id) != nullptr) ++id;
    if (id == kMaxCaches) return Error{Errc::out_of_slots, kMaxCaches};
  }
  if (slab_front.entries == 0) slab_front.entries = entry_of_linear_address_0();
  for (SlabCpuLists& cpu : slab_front.cpus) cpu.lists[id] = {nullptr, list_capacity()};
  slab_front.caches[id].store(this, std::memory_order_release);
  id_.store(static_cast<u8>(id), std::memory_order_release);
  return {};
}

bool SlabCache::is_enrolled() const {
  const usize id = id_.load(std::memory_order_acquire);
  return id != 0 && slab_cache(id) == this;
}

/// All free objects of the first slab that has some; count 0 if none has.
SlabCache::Chain SlabCache::take_from_slab(Lists& lists) {
  FrameList& from = lists.partial.is_empty() ? lists.empty : lists.partial;
  if (from.is_empty()) return {nullptr, nullptr, 0};
  if (&from == &lists.empty) --lists.empty_slabs;
  const Frame slab = from.front();
  FrameInfo& info = entry_of(slab);
  from.remove(table(), slab, unlinked(info));

  const u64 word = info.word();
  const u64 count = capacity_ - InUse::decode(word);
  void* const first = linear_map.pointer<u64>(slab) + FreeOffset::decode(word);
  info.set_word(InUse::encode(capacity_) | FreeOffset::encode(kNoFree));
  lists.free_objects -= count;
  return {first, nullptr, count};
}

/// A slab more, all of whose objects are in the chain that is returned.
Result<SlabCache::Chain> SlabCache::new_slab() {
  const Frame slab = TRY(alloc_frames(order_, FrameOwner::slab));
  const u64 head = entry_of(slab).head() & ~FrameInfo::Allocated::kSet;
  const u64 entry = head | FrameInfo::Cache::encode(id_.load(std::memory_order_relaxed));
  for (u64 i = 0; i < u64{1} << order_; ++i) entry_of(slab + i).set_head(entry);
  entry_of(slab).set_word(InUse::encode(capacity_) | FreeOffset::encode(kNoFree));
  lists_.with([](Lists& lists) { ++lists.slabs; });
  return carve(linear_map.pointer(slab));
}

/// Chains the objects of a new slab, two at a time because there are many.
SlabCache::Chain SlabCache::carve(void* slab) const {
  const u64 size = size_;
  u8* object = static_cast<u8*>(slab);
  u8* const last = object + (capacity_ - 1) * size;
  if constexpr (kSelfChecks) poison_words(slab, capacity_ * size);
  for (u32 pairs = capacity_ / 2; pairs != 0; --pairs) {
    u8* const second = object + size;
    next_of(object) = second;
    object = second + size;
    next_of(second) = object;
  }
  next_of(last) = nullptr;
  return {slab, last, capacity_};
}

void SlabCache::free_slowly(void* object) {
  arch::IrqGuard irq;
  SlabCpuList& list = slab_front.list(id_.load(std::memory_order_relaxed));
  if (list.room == 0) give_back(list);
  CHECK(list.push(object));
}

/// Takes the first object off a CPU's list, and those behind it that lie in the same slab: they go
/// back as one. This loop is most of what freeing many objects costs, so it takes two at a time. A
/// list that is longer than its room says has a loop: an object was freed twice.
inline SlabCache::Chain SlabCache::unlink_run(SlabCpuList& list) const {
  const unsigned shift = kPageShift + order_;
  const u64 slab = VirtAddr::of(list.first).value() >> shift;
  // nullptr is in no slab.
  const auto is_in_slab = [&](void* object) {
    return VirtAddr::of(object).value() >> shift == slab;
  };
  const i64 length = list_capacity() - list.room;
  i64 left = length;  // the first one counts twice, so that the last pair may lack one
  void* last = list.first;
  void* next = next_of(last);
  while (is_in_slab(next)) {
    void* const after = next_of(next);
    left -= 2;
    CHECK(left >= 0);
    if (!is_in_slab(after)) {
      ++left;
      last = next;
      next = after;
      break;
    }
    last = after;
    next = next_of(after);
  }
  const i64 taken = length - left + 1;
  const Chain run{list.first, last, static_cast<u64>(taken)};
  list = {next, list.room + taken};
  return run;
}

inline void SlabCache::put_run(Lists& lists, const Chain& run) {
  const Frame slab = slab_of(run.first);
  FrameInfo& info = entry_of(slab);
  const u64 in_use = InUse::decode(info.word());
  const u64 offset = FreeOffset::decode(info.word());
  CHECK(run.count <= in_use);
  const u64 left = in_use - run.count;
  const bool was_listed = offset != kNoFree;
  if (left == 0 && lists.empty_slabs == kEmptySlabsKept) {
    if (was_listed) lists.partial.remove(table(), slab, unlinked(info));
    lists.free_objects -= capacity_ - in_use;
    return release(lists, slab);
  }
  u64* const base = linear_map.pointer<u64>(slab);
  next_of(run.last) = was_listed ? base + offset : nullptr;
  const u64 first = static_cast<u64>(static_cast<u64*>(run.first) - base);
  info.set_word((info.word() & FrameInfo::Previous::kMask) | InUse::encode(left) |
                FreeOffset::encode(first));
  lists.free_objects += run.count;
  if (left != 0) {
    if (!was_listed) lists.partial.push(table(), slab, unlinked(info));
    return;
  }
  if (was_listed) lists.partial.remove(table(), slab, unlinked(info));
  lists.empty.push(table(), slab, unlinked(info));
  ++lists.empty_slabs;
}

/// Gives all objects in a CPU's list back to their slabs.
void SlabCache::give_back(SlabCpuList& list) {
  lists_.with([&](Lists& lists) {
    while (list.first != nullptr) put_run(lists, unlink_run(list));
  });
}

/// Gives a slab whose objects are all free, and which is in no list, back to the buddy.
void SlabCache::release(Lists& lists, Frame slab) {
  FrameInfo& info = entry_of(slab);
  info.set_head((unlinked(info) & ~FrameInfo::Cache::kMask) | FrameInfo::Allocated::kSet);
  for (u64 i = 1; i < u64{1} << order_; ++i) entry_of(slab + i).set_head(0);
  --lists.slabs;
  free_frames(slab, order_);
}

Frame SlabCache::slab_of(const void* object) const {
  return Frame(linear_map.phys_of(object).align_down(slab_bytes()));
}

void SlabCache::drain() {
  arch::IrqGuard irq;
  give_back(slab_front.list(id_.load(std::memory_order_acquire)));
  lists_.with([&](Lists& lists) {
    while (!lists.empty.is_empty()) {
      const Frame slab = lists.empty.front();
      lists.empty.remove(table(), slab, unlinked(entry_of(slab)));
      lists.free_objects -= capacity_;
      --lists.empty_slabs;
      release(lists, slab);
    }
  });
}

void SlabCache::close() {
  drain();
  CHECK(stats().slabs == 0);
  SpinGuard guard(ids_lock);
  const usize id = id_.load(std::memory_order_relaxed);
  slab_front.caches[id].store(nullptr, std::memory_order_release);
  if (id > kKmallocSizes.size()) id_.store(0, std::memory_order_release);
}

bool SlabCache::is_free(const void* object) {
  arch::IrqGuard irq;
  const auto is_in = [&](void* chain) {
    while (chain != nullptr && chain != object) chain = next_of(chain);
    return chain != nullptr;
  };
  if (is_in(slab_front.list(id_.load(std::memory_order_acquire)).first)) return true;
  return lists_.with([&](Lists&) {
    const Frame slab = slab_of(object);
    const u64 offset = FreeOffset::decode(entry_of(slab).word());
    return offset != kNoFree && is_in(linear_map.pointer<u64>(slab) + offset);
  });
}

/// In all CPUs' lists, each read at some moment: only its own CPU keeps a list still.
u64 SlabCache::objects_in_lists() const {
  const u8 id = id_.load(std::memory_order_acquire);
  u64 count = 0;
  for (SlabCpuLists& cpu : slab_front.cpus) {
    SlabCpuList& list = cpu.lists[id];
    if (std::atomic_ref(list.first).load(std::memory_order_relaxed) == nullptr) continue;
    count += static_cast<u64>(list_capacity() -
                              std::atomic_ref(list.room).load(std::memory_order_relaxed));
  }
  return count;
}

SlabStats SlabCache::stats() {
  arch::IrqGuard irq;
  return lists_.with([&](Lists& lists) {
    const u64 objects = lists.slabs * capacity_;
    const u64 unused = lists.free_objects + objects_in_lists();
    return SlabStats{.name = name_,
                     .active = unused < objects ? objects - unused : 0,
                     .objects = objects,
                     .slabs = lists.slabs,
                     .active_slabs = lists.slabs - lists.empty_slabs,
                     .object_size = size_,
                     .objects_per_slab = capacity_,
                     .frames_per_slab = 1u << order_};
  });
}

}  // namespace meridian
