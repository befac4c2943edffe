// SPDX-License-Identifier: MIT
/// Limits, of the caller and of others. Every program is root's, so none is refused more.
#include "kernel/syscall/limits.h"

#include "kernel/proc/process_table.h"
#include "mm/user/user_copy.h"

namespace meridian {
namespace {

/// struct rlimit and struct rlimit64, which are the same here.
struct UserLimit {
  u64 soft, hard;
};

std::optional<LimitKind> kind_of(u64 resource) {
  const u64 number = resource & ~u64{0} >> 32;
  if (number >= kLimitKinds) return std::nullopt;
  return static_cast<LimitKind>(number);
}

/// EPERM for more descriptors than there can be.
SyscallResult set(Process& process, LimitKind kind, const UserLimit& wanted) {
  if (wanted.soft > wanted.hard) return Errno::einval;
  if (kind == LimitKind::files && wanted.hard > FdTable::kMost) return Errno::eperm;
  process.set_limit(kind, {wanted.soft, wanted.hard});
  return u64{0};
}

SyscallResult tell(UserAddr to, Limit limit) {
  return write_user(to, UserLimit{limit.soft, limit.hard});
}

}  // namespace

SyscallResult sys_getrlimit(const Syscall& call) {
  const std::optional<LimitKind> kind = kind_of(call.x[0]);
  if (!kind) return Errno::einval;
  return tell(call.address(1), call.caller.limit(*kind));
}

SyscallResult sys_setrlimit(const Syscall& call) {
  const Result<UserLimit> wanted = read_user<UserLimit>(call.address(1));
  if (!wanted.has_value()) return wanted.error();
  const std::optional<LimitKind> kind = kind_of(call.x[0]);
  if (!kind) return Errno::einval;
  return set(call.caller, *kind, wanted.value());
}

/// prlimit64(pid, resource, new, old): both addresses may be null.
SyscallResult sys_prlimit64(const Syscall& call) {
  UserLimit wanted{};
  const bool is_set = call.x[2] != 0;
  if (is_set) {
    const Result<UserLimit> read = read_user<UserLimit>(call.address(2));
    if (!read.has_value()) return read.error();
    wanted = read.value();
  }
  const i32 pid = call.integer(0);
  const Ref<Process> process =
      pid == 0 ? Ref<Process>(call.caller) : find_process(static_cast<u32>(pid));
  if (!process) return Errno::esrch;
  const std::optional<LimitKind> kind = kind_of(call.x[1]);
  if (!kind) return Errno::einval;
  const Limit before = process->limit(*kind);
  if (is_set) {
    const SyscallResult done = set(*process, *kind, wanted);
    if (done.is_error()) return done;
  }
  return call.x[3] == 0 ? SyscallResult(u64{0}) : tell(call.address(3), before);
}

}  // namespace meridian
