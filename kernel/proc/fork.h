// SPDX-License-Identifier: MIT
/// New processes out of running ones (fork, vfork, posix_spawn).
#pragma once

#include "kernel/proc/process.h"

namespace meridian {

struct ForkOptions {
  bool share_space = false;  // CLONE_VM
  bool share_files = false;  // CLONE_FILES
  bool share_fs = false;     // CLONE_FS
  bool wait = false;         // CLONE_VFORK: until the child has left the space
  Signal exit_signal = kSigchld;
  UserAddr stack{};  // 0: where the parent's is
  std::optional<u64> thread_pointer{};
  UserAddr parent_tid{}, child_tid{};  // where its number is written; 0: nowhere
  UserAddr clear_child_tid{};
};

/// A child of the calling process, which goes on as `frame` says, but with 0 in x0. Returns its number.
/// Errc::out_of_frames and the like, over_limit (RLIMIT_NPROC: EAGAIN); then there is none.
Result<u32> fork_process(const arch::TrapFrame& frame, const ForkOptions& options);

}  // namespace meridian
