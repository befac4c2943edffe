// SPDX-License-Identifier: MIT
/// A program's memory: from Linux's numbers to the space's own words.
#include "kernel/syscall/memory.h"

namespace meridian {
namespace {

/// PROT_ bits.
constexpr u64 kRead = 1, kWrite = 2, kExecute = 4;
/// MAP_ bits.
constexpr u64 kTypes = 0x0f, kShared = 0x01, kPrivate = 0x02;
constexpr u64 kFixed = 0x10, kAnonymous = 0x20, kGrowsDown = 0x100, kLocked = 0x2000,
              kNoReserve = 0x4000, kPopulate = 0x8000, kFixedNoReplace = 0x10'0000;
/// MREMAP_ bits.
constexpr u64 kMayMove = 1, kMoveFixed = 2, kDontUnmap = 4;

/// Errc::bad_format for bits that mean nothing.
Result<Protection> protection_of(u64 bits) {
  if ((bits & ~(kRead | kWrite | kExecute)) != 0) return Error{Errc::bad_format, bits};
  return Protection{.read = (bits & kRead) != 0,
                    .write = (bits & kWrite) != 0,
                    .execute = (bits & kExecute) != 0};
}

UserSpace::Place place_of(u64 flags) {
  if ((flags & kFixedNoReplace) != 0) return UserSpace::Place::fixed_no_replace;
  return (flags & kFixed) != 0 ? UserSpace::Place::fixed : UserSpace::Place::hint;
}

Result<UserAddr> map_anonymous(const Syscall& call) {
  const u64 flags = call.x[3];
  UserSpace::Request request{.address = call.address(0), .size = call.x[1], .traits = {}};
  request.traits.protection = TRY(protection_of(call.x[2]));
  request.traits.shared = (flags & kTypes) == kShared;
  request.traits.grows_down = (flags & kGrowsDown) != 0;
  request.traits.locked = (flags & kLocked) != 0;
  request.place = place_of(flags);
  request.no_reserve = (flags & kNoReserve) != 0;
  request.populate = (flags & kPopulate) != 0;
  return call.caller.space().map(request);
}

SyscallResult result_of(const Result<UserAddr>& start) {
  return start.has_value() ? SyscallResult(start.value()) : SyscallResult(start.error());
}

}  // namespace

SyscallResult sys_brk(const Syscall& call) {
  return call.caller.space().move_break(call.address(0));
}

/// Anonymous memory only: there are no files yet. Flags that are unknown or hints change nothing,
/// as on Linux.
SyscallResult sys_mmap(const Syscall& call) {
  const u64 flags = call.x[3], type = flags & kTypes;
  if ((type != kShared && type != kPrivate) || !is_aligned(call.x[5], kPageSize))
    return Errno::einval;
  if ((flags & kAnonymous) == 0) return Errno::ebadf;
  return result_of(map_anonymous(call));
}

SyscallResult sys_munmap(const Syscall& call) {
  return call.caller.space().unmap(call.address(0), call.x[1]);
}

SyscallResult sys_mprotect(const Syscall& call) {
  const Result<Protection> protection = protection_of(call.x[2]);
  if (!protection.has_value()) return protection.error();
  return call.caller.space().protect(call.address(0), call.x[1], protection.value());
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

}  // namespace meridian
