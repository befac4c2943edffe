// SPDX-License-Identifier: MIT
/// stat(2) and its like, in the layouts of Linux's include/uapi (asm-generic/stat.h, statfs.h,
/// linux/stat.h).
#include "kernel/syscall/status.h"

#include <cstddef>

#include "kernel/syscall/file_argument.h"

namespace meridian {
namespace {

/// struct stat.
struct Stat {
  struct Time {
    i64 seconds;
    u64 nanoseconds;
  };
  u64 device, inode;
  u32 mode, links, uid, gid;
  u64 special_device, unused0;
  u64 size;
  u32 block_size, unused1;
  u64 blocks;
  Time accessed, modified, changed;
  u64 unused2;
};
static_assert(sizeof(Stat) == 128 && offsetof(Stat, size) == 48 && offsetof(Stat, accessed) == 72);

Stat::Time stat_time(FileTime time) { return {time.seconds, time.nanoseconds}; }

Result<void> tell_status(Inode& inode, UserAddr to) {
  const InodeStatus status = inode.status();
  Stat stat{};
  stat.device = status.device, stat.inode = status.inode;
  stat.mode = status.mode, stat.links = status.links;
  stat.uid = status.uid, stat.gid = status.gid;
  stat.special_device = status.special_device;
  stat.size = status.size;
  stat.block_size = static_cast<u32>(status.block_size);
  stat.blocks = status.blocks;
  stat.accessed = stat_time(status.accessed);
  stat.modified = stat_time(status.modified);
  stat.changed = stat_time(status.changed);
  return write_user(to, stat);
}

}  // namespace

SyscallResult sys_newfstatat(const Syscall& call) {
  const u32 flags = flags_of(call, 3);
  if ((flags & ~(AtFlags::kNoFollow | AtFlags::kNoAutomount | AtFlags::kEmptyPath)) != 0)
    return Errno::einval;
  return tell_status(*TRY(inode_at(call, 0, 1, flags)), call.address(2));
}

SyscallResult sys_fstat(const Syscall& call) {
  return tell_status(TRY(file_of(call, 0))->inode(), call.address(1));
}

namespace {

/// struct statx.
struct Statx {
  struct Time {
    i64 seconds;
    u32 nanoseconds, unused;
  };
  u32 mask, block_size;
  u64 attributes;
  u32 links, uid, gid;
  u16 mode, unused0;
  u64 inode, size, blocks, known_attributes;
  Time accessed, born, changed, modified;
  u32 special_major, special_minor, device_major, device_minor;
  std::array<u64, 14> unused1;
};
static_assert(sizeof(Statx) == 256 && offsetof(Statx, mode) == 28 && offsetof(Statx, size) == 40);

Statx::Time statx_time(FileTime time) { return {time.seconds, time.nanoseconds, 0}; }

u32 major_of(u64 device) { return device >> 8 & 0xfff; }
u32 minor_of(u64 device) { return static_cast<u32>((device & 0xff) | (device >> 12 & 0xfff00)); }

}  // namespace

/// All that stat(2) tells, whatever is asked for.
SyscallResult sys_statx(const Syscall& call) {
  constexpr u32 kBasic = 0x7ff, kReserved = 0x8000'0000, kForceSync = 0x2000, kDontSync = 0x4000;
  constexpr u32 kSync = kForceSync | kDontSync;
  const u32 flags = flags_of(call, 2);
  if ((flags_of(call, 3) & kReserved) != 0 || (flags & kSync) == kSync) return Errno::einval;
  if ((flags & ~(AtFlags::kNoFollow | AtFlags::kNoAutomount | AtFlags::kEmptyPath | kSync)) != 0)
    return Errno::einval;
  const InodeStatus status = TRY(inode_at(call, 0, 1, flags))->status();
  Statx statx{};
  statx.mask = kBasic;
  statx.block_size = static_cast<u32>(status.block_size);
  statx.links = status.links, statx.uid = status.uid, statx.gid = status.gid;
  statx.mode = static_cast<u16>(status.mode);
  statx.inode = status.inode, statx.size = status.size, statx.blocks = status.blocks;
  statx.accessed = statx_time(status.accessed);
  statx.changed = statx_time(status.changed);
  statx.modified = statx_time(status.modified);
  statx.special_major = major_of(status.special_device);
  statx.special_minor = minor_of(status.special_device);
  statx.device_major = major_of(status.device);
  statx.device_minor = minor_of(status.device);
  return write_user(call.address(4), statx);
}

namespace {

/// struct statfs.
struct StatFs {
  u64 type, block_size;
  u64 blocks, free, available;
  u64 files, free_files;
  u64 id;
  u64 longest_name;
  u64 fragment_size, flags;
  std::array<u64, 4> unused;
};
static_assert(sizeof(StatFs) == 120);

Result<void> tell_file_system(Inode& inode, UserAddr to) {
  FileSystem& file_system = inode.file_system();
  const FileSystemStatus status = file_system.status();
  StatFs told{};
  told.type = status.type;
  told.block_size = told.fragment_size = status.block_size;
  told.blocks = status.blocks;
  told.free = told.available = status.free_blocks;
  told.id = file_system.device();
  told.longest_name = Directory::kLongestName;
  return write_user(to, told);
}

}  // namespace

SyscallResult sys_statfs(const Syscall& call) {
  const PathArgument path = TRY(PathArgument::of(call, 0));
  return tell_file_system(*TRY(look_up(path.start(), path.text())), call.address(1));
}

SyscallResult sys_fstatfs(const Syscall& call) {
  return tell_file_system(TRY(file_of(call, 0))->inode(), call.address(1));
}

}  // namespace meridian
