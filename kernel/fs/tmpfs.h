// SPDX-License-Identifier: MIT
/// tmpfs: a file system in memory. A regular file is a MemoryObject, so that what is read and
/// written is what is mapped; names are in a balanced tree for each directory.
#pragma once

#include "kernel/fs/directory.h"

namespace meridian {

/// The root directory of a new, empty file system, which goes when the root and all its open files
/// are gone. Errc::out_of_frames.
Result<Ref<Directory>> make_tmpfs(FileClock clock);

}  // namespace meridian
