// SPDX-License-Identifier: MIT
/// The initramfs as files: what a cpio archive holds, made in a directory.
#pragma once

#include "kernel/fs/directory.h"

namespace meridian {

/// Makes every entry of `archive` below `root`: directories, files, symbolic and hard links,
/// devices and fifos. A name that is there already gives way, as on Linux; directories that are
/// missing are made. Errors as CpioReader::next(), and Errc::out_of_frames; then some of it is
/// there: the caller throws the tree away.
Result<void> unpack_initramfs(std::span<const std::byte> archive, const Ref<Directory>& root);

}  // namespace meridian
