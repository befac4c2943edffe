// SPDX-License-Identifier: MIT
/// A program's memory: the heap, and private anonymous mappings. Pages have their frames at once.
#include "kernel/syscall/calls.h"

namespace meridian {
namespace {

/// Linux's PROT_ and MAP_ bits.
constexpr u64 kRead = 1, kWrite = 2, kExecute = 4;
constexpr u64 kPrivate = 0x02, kFixed = 0x10, kAnonymous = 0x20, kFixedNoReplace = 0x10'0000;
/// Hints that change nothing here: GROWSDOWN is not among them.
constexpr u64 kHarmless = 0x4000 /* NORESERVE */ | 0x8000 /* POPULATE */ | 0x2'0000 /* STACK */;

/// Errno::einval for bits that mean nothing, enosys for no access at all (there is nowhere yet to
/// keep that somebody wants nothing), eacces for write and execute.
Result<Attributes> rights_of(u64 protection) {
  if ((protection & ~(kRead | kWrite | kExecute)) != 0) return Error{Errc::bad_format, protection};
  if (protection == 0) return Error{Errc::unsupported};
  const bool write = (protection & kWrite) != 0, execute = (protection & kExecute) != 0;
  if (write && execute) return Error{Errc::write_and_execute};
  if (execute) return kUserText;
  return write ? kUserData : kUserRodata;
}

/// `size` in whole pages; Errc::bad_range for 0 and for what would wrap.
Result<u64> whole_pages(u64 size) {
  if (size == 0 || size > ~u64{0} - kPageSize) return Error{Errc::bad_range, size};
  return align_up(size, kPageSize);
}

Result<UserAddr> map_anonymous(Program& program, UserAddr wanted, u64 size, u64 protection,
                               u64 flags) {
  const Attributes rights = TRY(rights_of(protection));
  const u64 pages = TRY(whole_pages(size));
  UserRange range(wanted, pages);
  if ((flags & kFixedNoReplace) == 0) range = TRY(program.find_gap(pages));
  TRY(program.space().map_new(range, rights));
  return range.start();
}

}  // namespace

SyscallResult sys_brk(const Syscall& call) { return call.caller.move_break(call.address(0)); }

/// Private anonymous memory only, where the kernel chooses or (MAP_FIXED_NOREPLACE) nothing is.
SyscallResult sys_mmap(const Syscall& call) {
  const u64 flags = call.x[3] & ~kHarmless;
  if (flags != (kPrivate | kAnonymous) && flags != (kPrivate | kAnonymous | kFixedNoReplace))
    return flags & kFixed ? Errno::enosys : Errno::einval;
  const Result<UserAddr> start =
      map_anonymous(call.caller, call.address(0), call.x[1], call.x[2], flags);
  return start.has_value() ? SyscallResult(start.value()) : start.error();
}

SyscallResult sys_munmap(const Syscall& call) {
  const Result<u64> size = whole_pages(call.x[1]);
  if (!size.has_value()) return size.error();
  return call.caller.space().unmap({call.address(0), size.value()});
}

SyscallResult sys_mprotect(const Syscall& call) {
  if (call.x[1] == 0) return 0;
  const Result<u64> size = whole_pages(call.x[1]);
  const Result<Attributes> rights = rights_of(call.x[2]);
  if (!size.has_value()) return size.error();
  if (!rights.has_value()) return rights.error();
  const Result<void> done =
      call.caller.space().protect({call.address(0), size.value()}, rights.value());
  // Nothing is mapped outside the half: to Linux that is one more hole.
  if (!done.has_value() && done.error().code == Errc::bad_range) return Errno::enomem;
  return done;
}

}  // namespace meridian
