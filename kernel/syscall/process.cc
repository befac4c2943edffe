// SPDX-License-Identifier: MIT
/// Processes: beginnings, ends, and who is whose.
#include "kernel/syscall/process.h"

#include "kernel/proc/exec.h"
#include "kernel/proc/exit.h"
#include "kernel/proc/fork.h"
#include "kernel/proc/jobs.h"
#include "kernel/proc/process_table.h"
#include "kernel/syscall/time.h"
#include "kernel/syscall/user_path.h"
#include "mm/user/user_copy.h"

namespace meridian {

/// exit and exit_group: a process has one thread.
SyscallResult sys_exit(const Syscall& call) {
  exit_process(ProcessEnd::exited(call.integer(0)));
}

SyscallResult sys_set_tid_address(const Syscall& call) {
  call.caller.clear_child_tid = call.address(0);
  return call.caller.pid();
}

SyscallResult sys_getpid(const Syscall& call) { return call.caller.pid(); }

/// 0 for who has no parent.
SyscallResult sys_getppid(const Syscall& call) { return u64{call.caller.parent_pid()}; }

namespace {

/// Of calls that name processes: not_found is ESRCH.
SyscallResult process_result(Error error) {
  return error.code == Errc::not_found ? SyscallResult(Errno::esrch) : SyscallResult(error);
}
SyscallResult process_result(const Result<u32>& id) {
  return id.has_value() ? SyscallResult(u64{id.value()}) : process_result(id.error());
}

}  // namespace

SyscallResult sys_setpgid(const Syscall& call) {
  const i32 pid = call.integer(0), group = call.integer(1);
  if (group < 0) return Errno::einval;
  if (pid < 0) return Errno::esrch;
  const Result<void> set = set_process_group(static_cast<u32>(pid), static_cast<u32>(group));
  return set.has_value() ? SyscallResult(u64{0}) : process_result(set.error());
}

SyscallResult sys_getpgid(const Syscall& call) {
  return process_result(process_group(static_cast<u32>(call.integer(0))));
}
SyscallResult sys_getsid(const Syscall& call) {
  return process_result(process_session(static_cast<u32>(call.integer(0))));
}
SyscallResult sys_setsid(const Syscall&) { return process_result(make_session()); }

namespace {

/// CLONE_ bits. What is missing is for threads and name spaces.
constexpr u64 kExitSignal = 0xff, kShareSpace = 0x100, kShareFs = 0x200, kShareFiles = 0x400,
              kShareHandlers = 0x800, kWait = 0x4000, kSetThreadPointer = 0x8'0000,
              kParentSetTid = 0x10'0000, kChildClearTid = 0x20'0000, kChildSetTid = 0x100'0000;
constexpr u64 kKnown = kExitSignal | kShareSpace | kShareFs | kShareFiles | kWait |
                       kSetThreadPointer | kParentSetTid | kChildClearTid | kChildSetTid;

}  // namespace

/// clone(flags, stack, parent_tid, tls, child_tid), as arm64 orders them.
SyscallResult sys_clone(const Syscall& call) {
  const u64 flags = call.x[0] & ~u64{0} >> 32;  // Linux takes the lower half
  if ((flags & kShareHandlers) != 0 && (flags & kShareSpace) == 0) return Errno::einval;
  if ((flags & ~kKnown) != 0 || (flags & kExitSignal) > kMostSignals) return Errno::einval;
  ForkOptions options;
  options.share_space = (flags & kShareSpace) != 0;
  options.share_files = (flags & kShareFiles) != 0;
  options.share_fs = (flags & kShareFs) != 0;
  options.wait = (flags & kWait) != 0;
  options.exit_signal = static_cast<Signal>(flags & kExitSignal);
  options.stack = call.address(1);
  if ((flags & kSetThreadPointer) != 0) options.thread_pointer = call.x[3];
  if ((flags & kParentSetTid) != 0) options.parent_tid = call.address(2);
  if ((flags & kChildSetTid) != 0) options.child_tid = call.address(4);
  if ((flags & kChildClearTid) != 0) options.clear_child_tid = call.address(4);
  const Result<u32> pid = fork_process(call.frame, options);
  return pid.has_value() ? SyscallResult(u64{pid.value()}) : SyscallResult(pid.error());
}

namespace {

SyscallResult exec_error(Error error, ElfProblem problem) {
  if (problem == ElfProblem::bad_interpreter) return Errno::elibbad;
  if (problem == ElfProblem::no_interpreter) return error;
  if (problem != ElfProblem::none || error.code == Errc::bad_format) return Errno::enoexec;
  return error.code == Errc::too_large ? Errno::e2big : SyscallResult(error);
}

Result<void> execute(const Syscall& call, ElfProblem& problem) {
  const UserPath path = TRY(UserPath::copy(call.address(0)));
  ExecStrings strings;
  TRY(strings.add_from_user(call.address(1), call.address(2)));
  if (strings.arguments() == 0) TRY(strings.add_argument(""));
  LoadedProgram program = TRY(load_program(call.caller.fs().start(), path.text(),
                                           std::move(strings), call.caller.limits(), problem));
  become(call.caller, std::move(program), call.frame);
  return {};
}

}  // namespace

SyscallResult sys_execve(const Syscall& call) {
  ElfProblem problem = ElfProblem::none;
  const Result<void> done = execute(call, problem);
  return done.has_value() ? SyscallResult(u64{0}) : exec_error(done.error(), problem);
}

namespace {

/// WNOHANG, WUNTRACED (which is WSTOPPED), WEXITED, WCONTINUED, WNOWAIT, and what is about threads.
constexpr u64 kNoHang = 1, kStopped = 2, kEnded = 4, kContinued = 8, kLeave = 0x100'0000,
              kAboutThreads = 0xe000'0000;

void set_options(WaitRequest& request, u64 options) {
  request.no_hang = (options & kNoHang) != 0;
  request.ended = (options & kEnded) != 0;
  request.stopped = (options & kStopped) != 0;
  request.continued = (options & kContinued) != 0;
  request.leave = (options & kLeave) != 0;
}

/// Of calls that wait for children: not_found is ECHILD.
SyscallResult wait_error(Error error) {
  return error.code == Errc::not_found ? SyscallResult(Errno::echild) : SyscallResult(error);
}

/// Whom a pid of wait4() means: above 0 a process, -1 any, 0 the caller's group, below -1 a group.
WaitRequest whom(i32 pid) {
  WaitRequest request;
  if (pid == -1) return request;
  request.whose = pid > 0 ? WaitRequest::Whose::pid : WaitRequest::Whose::group;
  request.id = pid > 0    ? static_cast<u32>(pid)
               : pid == 0 ? process_group(0).value()
                          : static_cast<u32>(-i64{pid});
  return request;
}

}  // namespace

SyscallResult sys_wait4(const Syscall& call) {
  const u64 options = call.x[2] & ~u64{0} >> 32;
  if ((options & ~(kNoHang | kStopped | kContinued | kAboutThreads)) != 0) return Errno::einval;
  WaitRequest request = whom(call.integer(0));
  set_options(request, options | kEnded);
  const Result<WaitOutcome> outcome = wait_for_child(request);
  if (!outcome.has_value()) return wait_error(outcome.error());
  if (outcome.value().pid != 0 && call.x[1] != 0) {
    const Result<void> told = write_user(call.address(1), outcome.value().wait_status);
    if (!told.has_value()) return told.error();
  }
  if (outcome.value().pid != 0 && call.x[3] != 0) {
    const Result<void> told = write_usage(call.address(3), outcome.value().usage);
    if (!told.has_value()) return told.error();
  }
  return u64{outcome.value().pid};
}

namespace {

/// Whom an idtype and an id of waitid() mean. Errc::invalid_argument.
Result<WaitRequest> whom(i32 type, i32 id) {
  enum : i32 { kAll, kPid, kGroup };
  const Error bad{Errc::invalid_argument, static_cast<u64>(type)};
  switch (type) {
    case kAll:
      return whom(-1);
    case kPid:
      if (id <= 0) return bad;
      return whom(id);
    case kGroup:
      if (id < 0) return bad;
      return whom(id == 0 ? 0 : -id);
    default:
      return bad;
  }
}

/// As SIGCHLD tells it; all 0 if there is nothing to tell.
std::array<std::byte, kSigInfoSize> info_of(const WaitOutcome& outcome) {
  if (outcome.pid == 0) return {};
  return to_wire(
      {.signal = kSigchld, .code = outcome.code, .pid = outcome.pid, .status = outcome.status});
}

}  // namespace

/// As on Linux the description is written whatever came of it.
SyscallResult sys_waitid(const Syscall& call) {
  const u64 options = call.x[3] & ~u64{0} >> 32, wanted = options & (kEnded | kStopped | kContinued);
  if (wanted == 0 || (options & ~(wanted | kNoHang | kLeave | kAboutThreads)) != 0)
    return Errno::einval;
  WaitRequest request = TRY(whom(call.integer(0), call.integer(1)));
  set_options(request, options);
  const Result<WaitOutcome> waited = wait_for_child(request);
  const WaitOutcome outcome = waited.has_value() ? waited.value() : WaitOutcome{};
  if (outcome.pid != 0 && call.x[4] != 0) TRY(write_usage(call.address(4), outcome.usage));
  if (call.x[2] != 0) TRY(write_user(call.address(2), info_of(outcome)));
  return waited.has_value() ? SyscallResult(u64{0}) : wait_error(waited.error());
}

/// With one thread nobody ever waits, so there is nobody to wake; waiting would be for ever.
SyscallResult sys_futex(const Syscall& call) {
  constexpr u64 kWake = 1, kWakeBitset = 10, kOperation = 0x7f;
  const u64 operation = call.x[1] & kOperation;
  if (operation != kWake && operation != kWakeBitset) return Errno::enosys;
  if (!call.address(0).is_aligned(sizeof(u32))) return Errno::einval;
  return check_user_range({call.address(0), sizeof(u32)});
}

}  // namespace meridian
