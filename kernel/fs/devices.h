// SPDX-License-Identifier: MIT
/// Character devices: what stands behind the names in /dev.
#pragma once

#include "kernel/fs/directory.h"

namespace meridian {

/// Opens device `number`, whose inode is `inode`. Errc::no_device if there is none.
Result<Ref<File>> open_device(u64 number, Ref<Inode> inode, OpenFlags flags);

/// Is it /dev/zero, of which a mapping is a fresh piece of memory?
bool maps_zeros(Inode& inode);

/// Makes a name in `directory` for each device there is. Errc::out_of_frames, exists.
Result<void> make_device_names(Directory& directory);

}  // namespace meridian
