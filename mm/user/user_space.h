// SPDX-License-Identifier: MIT
/// A process's memory: what is mapped in its user half (VMAs), the tables that the MMU reads, and
/// the rules of Linux for changing both. A page gets its frame when it is first touched.
///
/// Invariants, whenever the lock is free: a mapped page lies in a VMA and has no right that the VMA
/// does not give; it can be written only if the frame is the space's alone, or the mapping is
/// shared. Every mapped frame but the zero frame has one reference for each place it is mapped at.
///
/// Errors are those of the system calls, by errno_of(): "EINVAL" below is bad_range, not_aligned or
/// bad_format, "ENOMEM" is not_mapped, out_of_frames, out_of_address_space or over_limit.
#pragma once

#include <arch/paging.h>

#include <optional>

#include "kernel/lib/ref.h"
#include "kernel/sync/mutex.h"
#include "mm/kernel/kernel_space.h"
#include "mm/user/space_tlb.h"
#include "mm/user/user_range.h"
#include "mm/user/vma_tree.h"

namespace meridian {

/// Resource limits, in bytes (RLIMIT_AS, DATA, STACK, MEMLOCK).
struct SpaceLimits {
  static constexpr u64 kNone = ~u64{0};
  u64 address_space = kNone, data = kNone, stack = 8_MiB, locked = 8_MiB;
};

/// Limits that are set while others look.
class AtomicLimits {
 public:
  SpaceLimits get() const {
    const auto value = [](const std::atomic<u64>& limit) {
      return limit.load(std::memory_order_relaxed);
    };
    return {value(address_space), value(data), value(stack), value(locked)};
  }
  void set(const SpaceLimits& limits) {
    address_space = limits.address_space, data = limits.data, stack = limits.stack;
    locked = limits.locked;
  }

  std::atomic<u64> address_space{SpaceLimits::kNone}, data{SpaceLimits::kNone}, stack{8_MiB},
      locked{8_MiB};
};

/// What /proc/PID/status and getrusage() tell, in pages and events.
struct SpaceStats {
  u64 mapped = 0, data = 0, locked = 0;     // of VMAs
  u64 anonymous = 0, file = 0, shared = 0;  // resident: that have a frame here
  u64 peak_resident = 0, peak_mapped = 0;
  u64 minor_faults = 0, major_faults = 0;

  u64 resident() const { return anonymous + file + shared; }
};

/// A VMA as it was at one moment.
struct VmaView {
  UserRange range;
  VmaTraits traits;
  Ref<MemoryObject> object;
  u64 first_page = 0;
};

/// The pages of a range that have a frame, for /proc/PID/smaps.
struct PageCounts {
  u64 resident = 0;
  u64 anonymous = 0;  // of these, no object's
  u64 shared = 0;     // of these, mapped elsewhere, too
  u64 part = 0;       // in bytes: each page divided by how often it is mapped
};

/// What came of a fault; the names in brackets are those of the signal.
enum class FaultOutcome : u8 {
  resolved,    // the access can be tried again
  not_mapped,  // [SEGV_MAPERR]
  no_right,    // [SEGV_ACCERR]
  past_end,    // beyond the end of the object [BUS_ADRERR]
  out_of_memory,
};

/// madvise()'s advice, by Linux's numbers.
enum class Advice : u32 {
  normal = 0,
  random = 1,
  sequential = 2,
  will_need = 3,
  dont_need = 4,
  free = 8,
  remove = 9,
  dont_fork = 10,
  do_fork = 11,
  mergeable = 12,
  unmergeable = 13,
  huge_page = 14,
  no_huge_page = 15,
  dont_dump = 16,
  do_dump = 17,
  wipe_on_fork = 18,
  keep_on_fork = 19,
  cold = 20,
  page_out = 21,
  populate_read = 22,
  populate_write = 23,
  dont_need_locked = 24,
};

/// Tables of the kernel's, counted.
class CountedTables : public KernelTableStore {
 public:
  Result<Frame> allocate_table() {
    const Frame table = TRY(KernelTableStore::allocate_table());
    ++count_;
    return table;
  }
  void free_table(Frame table) {
    KernelTableStore::free_table(table);
    --count_;
  }
  u64 count() const { return count_; }

 private:
  u64 count_ = 0;
};

class UserSpace : public RefCounted {
 public:
  using Mapper = meridian::Mapper<arch::Format, CountedTables, SpaceTlb>;

  /// Below a VMA that grows down nothing is placed, and it does not grow, so near to another.
  static constexpr u64 kStackGuardGap = 256 * kPageSize;

  /// An empty one. Errc::out_of_frames.
  static Result<Ref<UserSpace>> create();
  /// A copy, for fork: private pages are shared until one side writes. Errc::out_of_frames,
  /// over_limit; then nothing has changed that either could see.
  Result<Ref<UserSpace>> duplicate();
  /// For Ref. It must not be active on any CPU.
  static void destroy(UserSpace* space);

  enum class Place : u8 {
    hint,              // there if it is free, else anywhere
    fixed,             // there, over whatever is there
    fixed_no_replace,  // there, or nowhere
  };
  struct Request {
    UserAddr address;
    u64 size;
    VmaTraits traits;
    Place place = Place::hint;
    bool populate = false;
    bool no_reserve = false;     // it may be more than all the memory there is
    Ref<MemoryObject> object{};  // null: anonymous
    u64 offset = 0;              // into the object, in bytes
  };
  /// mmap(). EINVAL, ENOMEM; not_permitted below the lowest address, or if nothing may be locked;
  /// try_again if too much is; already_mapped (fixed_no_replace); write_and_execute: no page may be
  /// both; no_access: more is asked for than traits.most; too_large: no object has such pages.
  Result<UserAddr> map(const Request& request);
  /// munmap(). EINVAL, ENOMEM.
  Result<void> unmap(UserAddr start, u64 size);
  /// mprotect(). EINVAL; ENOMEM where nothing is mapped (what lies before it has been changed);
  /// no_access, write_and_execute.
  Result<void> protect(UserAddr start, u64 size, Protection protection);

  struct Move {
    UserAddr from;
    u64 old_size, new_size;
    bool may_move = false;
    bool keep_old = false;  // MREMAP_DONTUNMAP
    bool fixed = false;
    UserAddr to{};  // if fixed
  };
  /// mremap(). EINVAL, ENOMEM, try_again; Errc::fault if `from` is not mapped.
  Result<UserAddr> remap(const Move& move);

  /// The heap begins here, and is empty. Once, when a program is loaded.
  void set_break_start(UserAddr start);
  /// brk(): to the byte. Returns where the break is then.
  UserAddr move_break(UserAddr end);

  /// madvise(). EINVAL; ENOMEM where nothing is mapped (the rest has been done).
  Result<void> advise(UserAddr start, u64 size, Advice advice);
  /// mincore(): `visit(context, page, resident)` for each page. EINVAL, ENOMEM.
  Result<void> residency(UserAddr start, u64 size, void (*visit)(void*, u64 page, bool resident),
                         void* context);
  /// msync(): memory and object are one, so only the range is checked. EINVAL, ENOMEM; busy if
  /// something in it is locked and `invalidate` (MS_INVALIDATE) is set.
  struct Sync {
    bool invalidate = false;
  };
  Result<void> sync(UserAddr start, u64 size, Sync how);
  /// mlock(), mlock2(), munlock(). EINVAL, ENOMEM; not_permitted if nothing may be locked.
  enum class Lock : u8 { now, on_touch };
  Result<void> lock(UserAddr start, u64 size, Lock when = Lock::now);
  Result<void> unlock(UserAddr start, u64 size);
  /// mlockall(): of what is mapped, of what will be, or both. ENOMEM, not_permitted.
  struct LockAll {
    bool current = false, future = false;
    Lock when = Lock::now;
  };
  Result<void> lock_all(LockAll which);
  void unlock_all();

  /// An access to `va` faulted: makes it possible if the program has the right to it.
  FaultOutcome resolve(UserAddr va, UserAccess access);
  /// Writes to pages that the program may write, whether or not this space is active. Errc::fault
  /// with the first address that could not be written, out_of_frames.
  Result<void> write(UserAddr to, std::span<const std::byte> bytes);
  Result<void> read(UserAddr from, std::span<std::byte> bytes);
  /// Writes zeros, as write().
  Result<void> clear(UserRange range);

  /// Its processes are being killed, and its memory is wanted: all its pages go at once, and there are no
  /// more to be had here. (What it still reads or writes on its way fails.)
  void reap();
  /// For MemoryObject: no page of `object` from `first_page` on, nor a copy of one, stays mapped.
  void unmap_object(MemoryObject& object, u64 first_page);

  SpaceStats stats();
  /// What is beyond them already stays. (Without the lock: anybody may.)
  void set_limits(const SpaceLimits& limits) { limits_.set(limits); }
  SpaceLimits limits() const { return limits_.get(); }
  UserAddr break_start();
  /// From there to the break.
  UserRange heap();
  u64 table_count();

  /// Calls `visit(const Vma&)` for each, lowest first, with the lock held: for /proc/PID/maps.
  template <typename Visit>
  void for_each_vma(Visit&& visit) {
    Guard guard(lock_);
    vmas_.for_each(vmas_.bounds(), visit);
  }
  /// The lowest VMA that ends above `from`, for who must not hold the lock while he looks; nothing if
  /// there is none.
  std::optional<VmaView> vma_above(UserAddr from);
  /// Takes the lock piece by piece: others may change things meanwhile.
  PageCounts count_pages(UserRange range);
  usize vma_count();
  Result<Translation> translate(UserAddr va);
  /// Each entry that the MMU would read for `va`.
  Mapper::Walk walk(UserAddr va);
  /// Calls `visit(const DumpRun&)` for each run of the half, lowest first, with the lock held.
  template <typename Visit>
  void dump(Coalesce rule, Visit&& visit) {
    Guard guard(lock_);
    const Mapper m = mapper();
    m.dump(m.half(), rule, visit);
  }
  /// What does not hold of the invariants above, if something does not: for tests, at any time.
  struct Finding {
    const char* what;
    UserAddr where;  // the page, or what was counted
  };
  std::optional<Finding> audit();
  /// The first table, and what the TLBs know the space by.
  Frame root() const { return root_; }
  AsidContext& asid() { return asid_; }

 private:
  UserSpace(Frame root, const CountedTables& tables)
      : tables_(tables),
        root_(root),
        mapper_(root, arch::user_geometry(), tables_, SpaceTlb(asid_)),
        vmas_(UserAddr(current_layout().user_end()), this) {}
  ~UserSpace();

  // What these ask for is done page by page, each with the lock taken anew.
  enum class Populate : u8 { all, locked };
  bool populate(UserRange range, Populate which);
  Result<void> advise_populate(UserRange range, UserAccess access);

  // Everything below is called with the lock held.
  Mapper& mapper() { return mapper_; }
  Mapper::Gather gather() { return Mapper::Gather(tables_, SpaceTlb(asid_), release()); }
  LeafRelease release();
  void release_frames(FrameRange frames);

  // user_space.cc
  Result<void> check_range(UserAddr start, u64 size) const;
  void account(const VmaTraits& traits, u64 pages, bool there) {
    if (!there) pages = 0 - pages;
    stats_.mapped += pages;
    if (traits.is_data()) stats_.data += pages;
    if (traits.locked) stats_.locked += pages;
    if (stats_.mapped > stats_.peak_mapped) stats_.peak_mapped = stats_.mapped;
  }
  void account(const Vma& vma, bool there) { account(vma.traits, vma.pages(), there); }
  static void count_page(Frame frame, PageCounts& counts);
  u64& resident_counter(Frame frame);
  u64& object_counter(MemoryObject::Kind kind);
  void note_peak();
  void clear_pages(UserRange range, Mapper::Gather& owed);
  Result<void> remove(UserRange range);
  void clear_hole(UserRange range, const VmaTree::Hole& hole, Mapper::Gather&& owed);
  struct Copying;
  Result<void> copy_vma(Vma& vma, Copying& copying);
  Result<void> copy_mapped(const Vma& vma, Copying& copying);
  template <typename OnPart>
  Result<void> access(UserAddr start, u64 size, UserAccess how, OnPart&& on_part);
  /// over_limit unless so many more pages may be mapped.
  Result<void> check_room(u64 pages, u64 data_pages) const {
    if (exceeds(stats_.mapped, pages, limits_.address_space)) return Error{Errc::over_limit, pages};
    if (data_pages != 0 && exceeds(stats_.data, data_pages, limits_.data))
      return Error{Errc::over_limit, data_pages};
    return {};
  }

  // user_space_map.cc
  Result<UserRange> map_here(const Request& request);
  static Result<void> check_offset(const Request& request, u64 size);
  Result<void> map_over(UserRange range, const VmaTraits& traits, const Request& request);
  Result<void> check_more(u64 pages, u64 replaced, const VmaTraits& traits, bool no_reserve) const;
  Result<VmaTree::Room> place(const Request& request, u64 size) const;
  static bool is_room(UserRange range, const Vma* above);
  Result<VmaTree::Room> find_room(u64 size) const;
  Result<void> may_lock() const;
  Result<void> protect_pages(UserRange range, const Protection& protection);
  Result<void> protect_vma(Vma& vma, const Protection& protection, Mapper::Gather& owed);
  void protect_mapped(const Vma& vma, bool becomes_code, Mapper::Gather& owed);
  Result<void> set_break(UserAddr end);

  // user_space_remap.cc
  Result<void> check_move(const Move& move) const;
  Result<UserAddr> remap_here(const Move& move, u64 old_size, u64 new_size);
  Result<void> check_growth(const Vma& vma, const Move& move, u64 old_size, u64 new_size) const;
  bool can_grow(const Vma& vma, UserAddr end, u64 more) const;
  Result<void> grow_in_place(Vma& vma, u64 more);
  Result<UserAddr> move_to(Vma& vma, const Move& move, u64 old_size, u64 new_size);
  Result<void> prepare_move(UserRange from, UserRange to);
  void forget_pages(UserRange range, bool keep);
  void leave_behind(UserRange from, bool keep);

  // user_space_advise.cc
  Result<void> drop_contents(UserRange range, Advice advice);
  Result<void> change_traits(UserRange range, Advice advice);
  Result<void> check_covered(UserRange range) const;
  Result<void> set_locked(UserRange range, std::optional<Lock> lock);
  void set_all_locked(std::optional<Lock> lock);
  void set_lock(Vma& vma, std::optional<Lock> lock);
  static void set_lock(VmaTraits& traits, std::optional<Lock> lock);
  bool is_resident(UserAddr page);

  // fault.cc
  FaultOutcome resolve_locked(UserAddr va, UserAccess access);
  Vma* grown_down_to(UserAddr page, Vma& stack);
  bool grow_stack(Vma& stack, UserAddr page);
  bool is_clear_below(UserAddr page) const;
  struct Missing;
  FaultOutcome resolve_missing(Missing missing);
  FaultOutcome resolve_present(const Vma& vma, UserAddr page, arch::Entry& slot, UserAccess access);
  FaultOutcome map_fresh_zeros(const Missing& missing);
  FaultOutcome map_object_page(const Missing& missing);
  void enter(const Missing& missing, Frame frame);

  // Long work is done with it, and who waits for it sleeps. No access to a program's memory is made
  // with it held, since that may fault.
  using Guard = MutexGuard;
  Mutex lock_;
  CountedTables tables_;
  Frame root_;
  AsidContext asid_;
  Mapper mapper_;
  VmaTree vmas_;
  AtomicLimits limits_;
  SpaceStats stats_;
  UserAddr break_start_, break_;
  bool is_reaped_ = false;
  std::optional<Lock> lock_future_;
};

}  // namespace meridian
