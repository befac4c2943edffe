// SPDX-License-Identifier: MIT
/// Arguments that name files: descriptors, and paths with what they start at.
#pragma once

#include "kernel/syscall/syscall.h"
#include "kernel/syscall/user_path.h"

namespace meridian {

/// Flags of the calls that end in "at", by their names in Linux.
struct AtFlags {
  static constexpr u32 kNoFollow = 0x100, kRemoveDirectory = 0x200, kEffectiveIds = 0x200,
                       kFollow = 0x400, kNoAutomount = 0x800, kEmptyPath = 0x1000;
};
/// The descriptor that stands for the working directory (AT_FDCWD).
inline constexpr i32 kWorkingDirectory = -100;

/// Argument `i` as flags or a mode: Linux reads an int.
inline u32 flags_of(const Syscall& call, usize i) { return static_cast<u32>(call.x[i]); }

/// The open file that argument `i` is the descriptor of. Errc::bad_descriptor.
inline Result<Ref<File>> file_of(const Syscall& call, usize i) {
  return call.caller.files().get(flags_of(call, i));
}
/// The same for a call that needs more than the file's name: not one opened with O_PATH.
Result<Ref<File>> usable_file_of(const Syscall& call, usize i);

/// So many descriptors may be in use (RLIMIT_NOFILE).
u32 descriptor_limit(Process& process);

/// So many bytes a file may have that the caller makes grow (RLIMIT_FSIZE).
u64 file_size_limit(Process& process);
/// `inode` is to have `size` bytes. Errc::file_too_large if that is more than the limit, and than it has; then the
/// caller gets SIGXFSZ.
Result<void> check_growth(const Syscall& call, Inode& inode, u64 size);
/// Sends the signal; the error.
Error beyond_limit(Process& process, u64 size);

/// The path that argument `path` points to, and where it starts: argument `directory` is the
/// descriptor of that.
class PathArgument {
 public:
  /// Errc::fault, name_too_long, out_of_frames; bad_descriptor, not_a_directory (of a path that
  /// does not start with '/').
  static Result<PathArgument> of(const Syscall& call, usize directory, usize path);
  /// Without a descriptor: it starts at the working directory.
  static Result<PathArgument> of(const Syscall& call, usize path);

  const PathStart& start() const { return start_; }
  std::string_view text() const { return path_.text(); }

 private:
  PathArgument(UserPath path, PathStart start) : path_(std::move(path)), start_(std::move(start)) {}

  UserPath path_;
  PathStart start_;
};

/// The inode that `directory` and `path` name. Of `flags` it heeds AT_EMPTY_PATH (with an empty
/// path the descriptor's own file), and `follow` says what becomes of a link.
Result<Ref<Inode>> inode_at(const Syscall& call, usize directory, usize path, u32 flags,
                            FollowLast follow);
/// With AT_SYMLINK_NOFOLLOW in `flags`, as most calls have it.
inline Result<Ref<Inode>> inode_at(const Syscall& call, usize directory, usize path, u32 flags) {
  const bool follows = (flags & AtFlags::kNoFollow) == 0;
  return inode_at(call, directory, path, flags, follows ? FollowLast::yes : FollowLast::no);
}

}  // namespace meridian
