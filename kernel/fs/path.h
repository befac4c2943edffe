// SPDX-License-Identifier: MIT
/// Paths: from text to inodes, and what Linux's *at() calls do with names. There is one user, root,
/// so no permission bit refuses anything.
#pragma once

#include <string_view>

#include "kernel/fs/directory.h"
#include "kernel/fs/file.h"

namespace meridian {

/// Where paths start: those with a leading '/', and the others.
struct PathStart {
  Ref<Directory> root;
  Ref<Directory> at;
};

enum class FollowLast : bool { no, yes };

/// PATH_MAX, the NUL included, and how many symbolic links one path may lead through.
inline constexpr usize kPathMax = 4096;
inline constexpr u64 kMostLinks = 40;

/// The inode that `path` names. Errc::not_found, not_a_directory (a name before the last, or one
/// with a '/' behind it), too_many_links, name_too_long.
Result<Ref<Inode>> look_up(const PathStart& start, std::string_view path,
                           FollowLast follow = FollowLast::yes);

/// openat(2). The file's flags keep what is of use after opening; close-on-exec is a descriptor's.
/// `permissions` are a new file's, the umask applied. Errc::exists, is_a_directory, no_device,
/// too_many_links (O_NOFOLLOW and a link), and what look_up() says.
Result<Ref<File>> open_path(const PathStart& start, std::string_view path, OpenFlags flags,
                            u32 permissions = 0);

/// mkdirat, mknodat, symlinkat: makes `what` at `path`. Errc::exists.
Result<Ref<Inode>> make_at(const PathStart& start, std::string_view path, const NewInode& what);
/// linkat: one more name for `inode`. Errc::exists, not_permitted (a directory),
/// other_file_system.
Result<void> link_at(const PathStart& start, std::string_view path, Inode& inode);
/// unlinkat without and with AT_REMOVEDIR. Errc::is_a_directory, not_empty, busy,
/// invalid_argument (".").
Result<void> unlink_at(const PathStart& start, std::string_view path);
Result<void> remove_directory_at(const PathStart& start, std::string_view path);
/// renameat2. Errc::busy ("." and ".."), other_file_system, and what Directory::rename() says.
Result<void> rename_at(const PathStart& old_start, std::string_view old_path,
                       const PathStart& new_start, std::string_view new_path,
                       RenameMode mode = RenameMode::replace);

/// The path from `root` to `inode` (getcwd), at the end of `buffer`; of one with several names the
/// newest. Errc::not_found if it has no name any more or is not below the root, bad_range if the
/// buffer is too small.
Result<std::string_view> path_of(const Ref<Directory>& root, const Ref<Inode>& inode,
                                 std::span<char> buffer);

}  // namespace meridian
