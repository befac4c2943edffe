// SPDX-License-Identifier: MIT
#include "kernel/syscall/file_argument.h"

#include "kernel/proc/signals.h"

namespace meridian {

Result<Ref<File>> usable_file_of(const Syscall& call, usize i) {
  Ref<File> file = TRY(file_of(call, i));
  if (file->flags().has(OpenFlags::kPath)) return Error{Errc::bad_descriptor, call.x[i]};
  return file;
}

u32 descriptor_limit(Process& process) {
  const u64 soft = process.limit(LimitKind::files).soft;
  return soft < FdTable::kMost ? static_cast<u32>(soft) : FdTable::kMost;
}

u64 file_size_limit(Process& process) { return process.limit(LimitKind::file_size).soft; }

Error beyond_limit(Process& process, u64 size) {
  (void)send_signal(process, {.signal = kSigxfsz, .pid = process.pid()});
  return {Errc::file_too_large, size};
}

Result<void> check_growth(const Syscall& call, Inode& inode, u64 size) {
  if (size <= file_size_limit(call.caller) || size <= inode.status().size) return {};
  return beyond_limit(call.caller, size);
}

Result<PathArgument> PathArgument::of(const Syscall& call, usize directory, usize path) {
  UserPath text = TRY(UserPath::copy(call.address(path)));
  PathStart start = call.caller.fs().start();
  const bool starts_at_root = text.text().starts_with('/');
  if (!starts_at_root && call.integer(directory) != kWorkingDirectory) {
    const Ref<File> file = TRY(file_of(call, directory));
    // (An empty path is nobody's: that is what its call will say, whatever the file is.)
    if (!text.text().empty()) start.at = TRY(directory_of(Ref<Inode>(file->inode())));
  }
  return PathArgument(std::move(text), std::move(start));
}

Result<PathArgument> PathArgument::of(const Syscall& call, usize path) {
  UserPath text = TRY(UserPath::copy(call.address(path)));
  return PathArgument(std::move(text), call.caller.fs().start());
}

Result<Ref<Inode>> inode_at(const Syscall& call, usize directory, usize path, u32 flags,
                            FollowLast follow) {
  const PathArgument argument = TRY(PathArgument::of(call, directory, path));
  if (!argument.text().empty() || (flags & AtFlags::kEmptyPath) == 0)
    return look_up(argument.start(), argument.text(), follow);
  if (call.integer(directory) == kWorkingDirectory) return Ref<Inode>(argument.start().at);
  return Ref<Inode>(TRY(file_of(call, directory))->inode());
}

}  // namespace meridian
