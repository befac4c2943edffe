// SPDX-License-Identifier: MIT
/// procfs: files whose text is made when they are opened, out of a table of paths and functions,
/// and a directory for each process. What is read is what was so at the moment of opening.
#pragma once

#include "kernel/fs/directory.h"
#include "kernel/fs/proc_format.h"

namespace meridian {

/// A process as /proc shows it.
class ProcSubject {
 public:
  virtual ProcStatus status() = 0;
  virtual void print_maps(Writer& out) = 0;
  virtual void print_smaps(Writer& out) = 0;
  virtual void print_limits(Writer& out) = 0;
  virtual void print_aux_vector(Writer& out) = 0;
  virtual void print_mounts(Writer& out) = 0;
  /// The arguments and the environment, a NUL behind each.
  virtual void print_command_line(Writer& out) = 0;
  virtual void print_environment(Writer& out) = 0;

  /// How readily it is killed when memory runs out, from -1000 to 1000. Errc::invalid_argument.
  virtual i64 oom_adjustment() = 0;
  virtual Result<void> set_oom_adjustment(i64 value) = 0;
  virtual void set_name(std::string_view name) = 0;

  /// The lowest number of one of its threads from `tid` on; 0 if there is none.
  virtual u64 next_thread(u64 tid) = 0;

  /// What exe, cwd and root lead to, and their paths. Errc::not_found.
  enum class Link : u8 { executable, working_directory, root };
  virtual Result<Ref<Inode>> link(Link which, Writer& path) = 0;
  /// What a descriptor is open for. Errc::not_found.
  virtual Result<Ref<Inode>> descriptor(u32 fd, Writer& path) = 0;
  /// The lowest descriptor from `fd` on; nothing if there is none.
  virtual std::optional<u32> next_descriptor(u32 fd) = 0;

 protected:
  ~ProcSubject() = default;
};

/// Who knows the processes.
class ProcSource {
 public:
  /// The process that asks; 0 if it is none.
  virtual u64 self() = 0;
  /// The lowest number of a process from `pid` on; 0 if there is none.
  virtual u64 next(u64 pid) = 0;
  /// Calls `visit(context, process)`, for whose length the process stays. Errc::not_found.
  virtual Result<void> visit(u64 pid, void (*visit)(void* context, ProcSubject& process),
                             void* context) = 0;

 protected:
  ~ProcSource() = default;
};

/// Calls `use(ProcSubject&)` for process `pid`. Errc::not_found.
template <typename Use>
Result<void> with_process(ProcSource& source, u64 pid, Use use) {
  return source.visit(
      pid, [](void* context, ProcSubject& process) { (*static_cast<Use*>(context))(process); },
      &use);
}

/// A file that is not a process's: its path below /proc, and what it says.
struct ProcFile {
  std::string_view path;  // "sys/kernel/pid_max"; files of a directory stand together
  void (*print)(Writer& out);
};

/// The root of a procfs with these files, which must live on; `source` may be null (no processes).
/// Errc::out_of_frames.
Result<Ref<Directory>> make_proc_fs(FileClock clock, std::span<const ProcFile> files,
                                    ProcSource* source);

}  // namespace meridian
