// SPDX-License-Identifier: MIT
/// A program's memory: from Linux's numbers to the space's own words.
#include "kernel/syscall/memory.h"

#include <array>
#include <span>

#include "kernel/fs/devices.h"
#include "mm/user/user_copy.h"

namespace meridian {
namespace {

/// PROT_ bits. (PROT_SEM asks for nothing on this CPU.)
constexpr u64 kRead = 1, kWrite = 2, kExecute = 4, kSemaphores = 8;
/// MAP_ bits.
constexpr u64 kTypes = 0x0f, kShared = 0x01, kPrivate = 0x02, kSharedValidate = 0x03;
constexpr u64 kFixed = 0x10, kAnonymous = 0x20, kGrowsDown = 0x100, kDenyWrite = 0x800,
              kExecutable = 0x1000, kLocked = 0x2000, kNoReserve = 0x4000, kPopulate = 0x8000,
              kNonblock = 0x1'0000, kStack = 0x2'0000, kHugePages = 0x4'0000,
              kFixedNoReplace = 0x10'0000;
/// What MAP_SHARED_VALIDATE knows, as on Linux.
constexpr u64 kValidated = kTypes | kFixed | kAnonymous | kGrowsDown | kDenyWrite | kExecutable |
                           kLocked | kNoReserve | kPopulate | kNonblock | kStack;
/// MREMAP_ bits.
constexpr u64 kMayMove = 1, kMoveFixed = 2, kDontUnmap = 4;

constexpr Protection protection_of(u64 bits) {
  return Protection{.read = (bits & kRead) != 0,
                    .write = (bits & kWrite) != 0,
                    .execute = (bits & kExecute) != 0};
}

UserSpace::Place place_of(u64 flags) {
  if ((flags & kFixedNoReplace) != 0) return UserSpace::Place::fixed_no_replace;
  return (flags & kFixed) != 0 ? UserSpace::Place::fixed : UserSpace::Place::hint;
}

UserSpace::Request request_of(const Syscall& call) {
  const u64 flags = call.x[3];
  UserSpace::Request request{.address = call.address(0), .size = call.x[1], .traits = {}};
  request.traits.protection = protection_of(call.x[2]);
  request.traits.shared = (flags & kTypes) != kPrivate;
  request.traits.grows_down = (flags & kGrowsDown) != 0;
  request.traits.locked = (flags & kLocked) != 0;
  request.place = place_of(flags);
  request.no_reserve = (flags & kNoReserve) != 0;
  request.populate = (flags & kPopulate) != 0;
  return request;
}

/// What `file`'s part in the mapping is, or why there can be none. A mapping shares what is written
/// to it only with files that may be written.
SyscallResult add_file(UserSpace::Request& request, File& file, u64 offset) {
  if (request.traits.shared) request.traits.most.write = file.flags().may_write();
  if (!request.traits.most.covers(request.traits.protection) || !file.flags().may_read())
    return Errno::eacces;
  MemoryObject* const contents = file.inode().contents();
  if (contents == nullptr && !maps_zeros(file.inode())) return Errno::enodev;
  if (request.traits.grows_down) return Errno::einval;
  if (contents == nullptr) return u64{0};
  request.object = Ref<MemoryObject>(*contents);
  request.offset = offset;
  return u64{0};
}

SyscallResult result_of(const Result<UserAddr>& start) {
  if (start.has_value()) return start.value();
  return start.error().code == Errc::too_large ? Errno::eoverflow : SyscallResult(start.error());
}

}  // namespace

SyscallResult sys_brk(const Syscall& call) {
  return call.caller.space().move_break(call.address(0));
}

/// Flags that are unknown or hints change nothing, as on Linux. There are no huge pages to be had.
SyscallResult sys_mmap(const Syscall& call) {
  const u64 flags = call.x[3], type = flags & kTypes;
  if (!is_aligned(call.x[5], kPageSize)) return Errno::einval;
  UserSpace::Request request = request_of(call);
  if ((flags & kAnonymous) != 0) {
    const bool bad_stack = request.traits.grows_down && request.traits.shared;
    if ((type != kShared && type != kPrivate) || bad_stack || (flags & kHugePages) != 0)
      return Errno::einval;
    return result_of(call.caller.space().map(request));
  }
  const Result<Ref<File>> file = call.caller.files().get(static_cast<u32>(call.x[4]));
  if (!file.has_value() || file.value()->flags().has(OpenFlags::kPath)) return Errno::ebadf;
  const bool known = type == kShared || type == kPrivate || type == kSharedValidate;
  if (!known || request.size == 0 || (flags & kHugePages) != 0) return Errno::einval;
  if (type == kSharedValidate && (flags & ~kValidated) != 0) return Errno::eopnotsupp;
  const SyscallResult added = add_file(request, *file.value(), call.x[5]);
  return added.is_error() ? added : result_of(call.caller.space().map(request));
}

SyscallResult sys_munmap(const Syscall& call) {
  return call.caller.space().unmap(call.address(0), call.x[1]);
}

namespace {

/// What PROT_GROWSDOWN makes of a range: it begins where the stack does that it reaches into.
Result<UserRange> from_start_of_stack(UserSpace& space, UserAddr start, u64 size) {
  const std::optional<VmaView> vma = space.vma_above(start);
  if (!vma || !check_user_range({start, size}).has_value() || vma->range.start() >= start + size)
    return Error{Errc::not_mapped, start.value()};
  if (!vma->traits.grows_down) return Error{Errc::bad_range, start.value()};
  return UserRange::between(vma->range.start(), start + size);
}

}  // namespace

/// (Nothing grows up, as PROT_GROWSUP would have it.)
SyscallResult sys_mprotect(const Syscall& call) {
  constexpr u64 kGrowsDownBit = 0x0100'0000;
  const u64 bits = call.x[2] & ~kGrowsDownBit, size = call.x[1];
  if (!call.address(0).is_aligned(kPageSize)) return Errno::einval;
  if (size != 0 && (bits & ~(kRead | kWrite | kExecute | kSemaphores)) != 0) return Errno::einval;
  UserRange range(call.address(0), size);
  if (size != 0 && (call.x[2] & kGrowsDownBit) != 0)
    range = TRY(from_start_of_stack(call.caller.space(), range.start(), size));
  return call.caller.space().protect(range.start(), range.size(), protection_of(bits));
}

SyscallResult sys_mremap(const Syscall& call) {
  const u64 flags = call.x[3];
  if ((flags & ~(kMayMove | kMoveFixed | kDontUnmap)) != 0) return Errno::einval;
  UserSpace::Move move{.from = call.address(0), .old_size = call.x[1], .new_size = call.x[2]};
  move.may_move = (flags & kMayMove) != 0;
  move.keep_old = (flags & kDontUnmap) != 0;
  move.fixed = (flags & kMoveFixed) != 0;
  move.to = call.address(4);
  return result_of(call.caller.space().remap(move));
}

SyscallResult sys_madvise(const Syscall& call) {
  const auto advice = static_cast<Advice>(call.x[2]);
  return call.caller.space().advise(call.address(0), call.x[1], advice);
}

SyscallResult sys_msync(const Syscall& call) {
  constexpr u64 kAsync = 1, kInvalidate = 2, kSync = 4;
  const u64 flags = call.x[2] & ~u64{0} >> 32;
  if ((flags & ~(kAsync | kInvalidate | kSync)) != 0) return Errno::einval;
  if ((flags & kAsync) != 0 && (flags & kSync) != 0) return Errno::einval;
  return call.caller.space().sync(call.address(0), call.x[1],
                                  {.invalidate = (flags & kInvalidate) != 0});
}

SyscallResult sys_mlock(const Syscall& call) {
  return call.caller.space().lock(call.address(0), call.x[1]);
}

SyscallResult sys_mlock2(const Syscall& call) {
  constexpr u64 kOnFault = 1;
  const u64 flags = call.x[2] & ~u64{0} >> 32;
  if ((flags & ~kOnFault) != 0) return Errno::einval;
  return call.caller.space().lock(
      call.address(0), call.x[1],
      (flags & kOnFault) != 0 ? UserSpace::Lock::on_touch : UserSpace::Lock::now);
}

SyscallResult sys_munlock(const Syscall& call) {
  return call.caller.space().unlock(call.address(0), call.x[1]);
}

SyscallResult sys_mlockall(const Syscall& call) {
  constexpr u64 kCurrent = 1, kFuture = 2, kOnFault = 4;
  const u64 flags = call.x[0] & ~u64{0} >> 32;
  if ((flags & ~(kCurrent | kFuture | kOnFault)) != 0 || (flags & (kCurrent | kFuture)) == 0)
    return Errno::einval;
  UserSpace::LockAll which{.current = (flags & kCurrent) != 0, .future = (flags & kFuture) != 0};
  if ((flags & kOnFault) != 0) which.when = UserSpace::Lock::on_touch;
  return call.caller.space().lock_all(which);
}

SyscallResult sys_munlockall(const Syscall& call) {
  call.caller.space().unlock_all();
  return u64{0};
}

namespace {

/// A byte for each page, 1 if it is resident: mincore()'s answer for a few pages at a time, so that
/// what is written to the program is written without the space's lock.
class Residency {
 public:
  static constexpr u64 kMost = 256;

  Result<void> look(UserSpace& space, UserAddr start, u64 pages) {
    const auto note = [](void* bytes, u64 page, bool resident) {
      static_cast<std::byte*>(bytes)[page] = std::byte{resident};
    };
    return space.residency(start, pages << kPageShift, note, bytes_.data());
  }
  Result<void> tell(UserAddr to, u64 pages) {
    return copy_to_user(to, std::span(bytes_).first(pages));
  }

 private:
  std::array<std::byte, kMost> bytes_{};
};

}  // namespace

SyscallResult sys_mincore(const Syscall& call) {
  const UserAddr start = call.address(0), answer = call.address(2);
  const u64 size = call.x[1], pages = size / kPageSize + (size % kPageSize != 0 ? 1 : 0);
  if (!start.is_aligned(kPageSize)) return Errno::einval;
  if (!check_user_range({start, size}).has_value()) return Errno::enomem;
  if (!check_user_range({answer, pages}).has_value()) return Errno::efault;
  Residency some;
  for (u64 done = 0; done < pages; done += Residency::kMost) {
    const u64 count = pages - done < Residency::kMost ? pages - done : Residency::kMost;
    Result<void> step = some.look(call.caller.space(), start + (done << kPageShift), count);
    if (step.has_value()) step = some.tell(answer + done, count);
    if (!step.has_value()) return step.error();
  }
  return u64{0};
}

}  // namespace meridian
