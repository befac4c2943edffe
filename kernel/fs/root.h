// SPDX-License-Identifier: MIT
/// The machine's file tree: a tmpfs with the initramfs in it, /dev, /tmp and /proc.
#pragma once

#include "kernel/fs/path.h"
#include "kernel/fs/proc_fs.h"

namespace meridian {

/// The root directory. The tree is made when it is first asked for, which costs what the initramfs
/// is large; a damaged archive leaves nothing of itself, and one line in the log. Any CPU, but it
/// may sleep. Errc::out_of_frames.
Result<Ref<Directory>> root_directory();

/// Both of a PathStart: for who has no directory of his own.
Result<PathStart> root_start();

/// The root of one more procfs. Errc::out_of_frames.
Result<Ref<Directory>> make_proc();

/// The clock by which file systems date things.
FileTime file_time();

/// What /proc shows, files and processes, and the files of /sys; to be called before anybody asks for the
/// root.
void fill_proc(std::span<const ProcFile> files, ProcSource& source,
               std::span<const ProcFile> sys_files);

}  // namespace meridian
