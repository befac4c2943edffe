// SPDX-License-Identifier: MIT
/// Names, and what inodes say of themselves.
#include "kernel/syscall/paths.h"

#include "kernel/fs/root.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/syscall/file_argument.h"
#include "kernel/syscall/time_spec.h"
#include "mm/slab/buffer.h"

namespace meridian {
namespace {

u32 without_umask(const Syscall& call, u32 mode) { return mode & ~call.caller.fs().umask(); }

/// For calls that return nothing but success: an inode that was made is of no more use.
SyscallResult made(const Result<Ref<Inode>>& inode) {
  return inode.has_value() ? SyscallResult(u64{0}) : SyscallResult(inode.error());
}

}  // namespace

// Names come, go and move.

SyscallResult sys_mkdirat(const Syscall& call) {
  constexpr u32 kMode = 01777;
  const PathArgument path = TRY(PathArgument::of(call, 0, 1));
  return made(make_at(path.start(), path.text(),
                      {.type = InodeType::directory,
                       .permissions = without_umask(call, flags_of(call, 2) & kMode)}));
}

SyscallResult sys_mknodat(const Syscall& call) {
  const u32 mode = flags_of(call, 2);
  NewInode what{.permissions = without_umask(call, mode & Inode::kPermissions)};
  if (mode >> 12 != 0) {
    const std::optional<InodeType> type = type_of_mode(mode);
    if (type == InodeType::directory) return Errno::eperm;
    if (!type || type == InodeType::symbolic_link) return Errno::einval;
    what.type = *type;
  }
  if (what.type == InodeType::character_device || what.type == InodeType::block_device)
    what.device = flags_of(call, 3);
  const PathArgument path = TRY(PathArgument::of(call, 0, 1));
  return made(make_at(path.start(), path.text(), what));
}

SyscallResult sys_symlinkat(const Syscall& call) {
  const UserPath target = TRY(UserPath::copy(call.address(0)));
  if (target.text().empty()) return Errno::enoent;
  const PathArgument path = TRY(PathArgument::of(call, 1, 2));
  return made(make_at(path.start(), path.text(),
                      {.type = InodeType::symbolic_link, .target = target.text()}));
}

SyscallResult sys_linkat(const Syscall& call) {
  const u32 flags = flags_of(call, 4);
  if ((flags & ~(AtFlags::kFollow | AtFlags::kEmptyPath)) != 0) return Errno::einval;
  const FollowLast follow = (flags & AtFlags::kFollow) != 0 ? FollowLast::yes : FollowLast::no;
  const Ref<Inode> inode = TRY(inode_at(call, 0, 1, flags, follow));
  const PathArgument path = TRY(PathArgument::of(call, 2, 3));
  return link_at(path.start(), path.text(), *inode);
}

SyscallResult sys_unlinkat(const Syscall& call) {
  const u32 flags = flags_of(call, 2);
  if ((flags & ~AtFlags::kRemoveDirectory) != 0) return Errno::einval;
  const PathArgument path = TRY(PathArgument::of(call, 0, 1));
  return flags == 0 ? unlink_at(path.start(), path.text())
                    : remove_directory_at(path.start(), path.text());
}

namespace {

Result<void> rename(const Syscall& call, RenameMode mode) {
  const PathArgument from = TRY(PathArgument::of(call, 0, 1));
  const PathArgument to = TRY(PathArgument::of(call, 2, 3));
  return rename_at(from.start(), from.text(), to.start(), to.text(), mode);
}

}  // namespace

SyscallResult sys_renameat(const Syscall& call) { return rename(call, RenameMode::replace); }

SyscallResult sys_renameat2(const Syscall& call) {
  switch (flags_of(call, 4)) {
    case 0:
      return rename(call, RenameMode::replace);
    case 1:  // RENAME_NOREPLACE
      return rename(call, RenameMode::no_replace);
    case 2:  // RENAME_EXCHANGE
      return rename(call, RenameMode::exchange);
    default:
      return Errno::einval;
  }
}

SyscallResult sys_readlinkat(const Syscall& call) {
  if (call.integer(3) <= 0) return Errno::einval;
  const Ref<Inode> inode = TRY(inode_at(call, 0, 1, AtFlags::kEmptyPath, FollowLast::no));
  SymbolicLink* const link = inode->as_symbolic_link();
  if (link == nullptr) return Errno::einval;
  const std::string_view target = link->target().substr(0, call.x[3]);
  TRY(copy_to_user(call.address(2), std::as_bytes(std::span(target))));
  return u64{target.size()};
}

// Where paths start.

SyscallResult sys_getcwd(const Syscall& call) {
  const PathStart start = call.caller.fs().start();
  const Buffer buffer = TRY(Buffer::make(kPathMax));
  const std::span room(reinterpret_cast<char*>(buffer.bytes().data()), kPathMax);
  const Result<std::string_view> path = path_of(start.root, start.at, room.first(kPathMax - 1));
  if (!path.has_value() && path.error().code == Errc::bad_range) return Errno::enametoolong;
  if (!path.has_value()) return path.error();
  room.back() = '\0';
  const u64 size = path.value().size() + 1;
  if (size > call.x[1]) return Errno::erange;
  TRY(copy_to_user(call.address(0), buffer.bytes().last(size)));
  return size;
}

SyscallResult sys_chdir(const Syscall& call) {
  const PathArgument path = TRY(PathArgument::of(call, 0));
  call.caller.fs().set_working_directory(
      TRY(directory_of(TRY(look_up(path.start(), path.text())))));
  return u64{0};
}

SyscallResult sys_fchdir(const Syscall& call) {
  const Ref<File> file = TRY(file_of(call, 0));
  call.caller.fs().set_working_directory(TRY(directory_of(Ref<Inode>(file->inode()))));
  return u64{0};
}

SyscallResult sys_chroot(const Syscall& call) {
  const PathArgument path = TRY(PathArgument::of(call, 0));
  call.caller.fs().set_root(TRY(directory_of(TRY(look_up(path.start(), path.text())))));
  return u64{0};
}

SyscallResult sys_umask(const Syscall& call) {
  return u64{call.caller.fs().set_umask(flags_of(call, 0))};
}

// What is to be known and changed of an inode.

SyscallResult sys_truncate(const Syscall& call) {
  if (static_cast<i64>(call.x[1]) < 0) return Errno::einval;
  const PathArgument path = TRY(PathArgument::of(call, 0));
  const Ref<Inode> inode = TRY(look_up(path.start(), path.text()));
  if (inode->is(InodeType::directory)) return Errno::eisdir;
  TRY(check_growth(call, *inode, call.x[1]));
  return inode->truncate(call.x[1]);
}

namespace {

/// Root may do anything but execute what nobody may.
SyscallResult check_access(const Syscall& call, u32 flags) {
  constexpr u32 kExecute = 1, kKnown = 7;
  const u32 mode = flags_of(call, 2);
  if ((mode & ~kKnown) != 0) return Errno::einval;
  const Ref<Inode> inode = TRY(inode_at(call, 0, 1, flags));
  const bool executable = inode->is(InodeType::directory) || (inode->status().mode & 0111) != 0;
  return (mode & kExecute) != 0 && !executable ? Errno::eacces : SyscallResult(u64{0});
}

}  // namespace

SyscallResult sys_faccessat(const Syscall& call) { return check_access(call, 0); }

SyscallResult sys_faccessat2(const Syscall& call) {
  const u32 flags = flags_of(call, 3);
  const u32 known = AtFlags::kEffectiveIds | AtFlags::kNoFollow | AtFlags::kEmptyPath;
  return (flags & ~known) != 0 ? Errno::einval : check_access(call, flags);
}

SyscallResult sys_fchmod(const Syscall& call) {
  TRY(usable_file_of(call, 0))->inode().set_permissions(flags_of(call, 1));
  return u64{0};
}

SyscallResult sys_fchmodat(const Syscall& call) {
  TRY(inode_at(call, 0, 1, 0))->set_permissions(flags_of(call, 2));
  return u64{0};
}

namespace {

/// Arguments `i` and the next; -1 leaves what is.
void set_owner(const Syscall& call, usize i, Inode& inode) {
  const auto id = [](u32 given) {
    return given == ~u32{0} ? std::optional<u32>() : std::optional(given);
  };
  inode.set_owner(id(flags_of(call, i)), id(flags_of(call, i + 1)));
}

}  // namespace

SyscallResult sys_fchown(const Syscall& call) {
  set_owner(call, 1, TRY(usable_file_of(call, 0))->inode());
  return u64{0};
}

SyscallResult sys_fchownat(const Syscall& call) {
  const u32 flags = flags_of(call, 4);
  if ((flags & ~(AtFlags::kNoFollow | AtFlags::kEmptyPath)) != 0) return Errno::einval;
  set_owner(call, 2, *TRY(inode_at(call, 0, 1, flags)));
  return u64{0};
}

namespace {

/// What utimensat() may be given for nanoseconds instead.
constexpr i64 kNow = 0x3fff'ffff, kOmit = 0x3fff'fffe;

bool is_valid(const TimeSpec& time) {
  const bool is_part = 0 <= time.nanoseconds && time.nanoseconds < i64{kNanosecondsPerSecond};
  return is_part || time.nanoseconds == kNow || time.nanoseconds == kOmit;
}

std::optional<FileTime> chosen(const TimeSpec& time, FileTime now) {
  if (time.nanoseconds == kOmit) return std::nullopt;
  if (time.nanoseconds == kNow) return now;
  return FileTime{time.seconds, static_cast<u32>(time.nanoseconds)};
}

/// Without a path it is the descriptor's file.
Result<Ref<Inode>> inode_for_times(const Syscall& call, u32 flags) {
  if (call.x[1] != 0) return inode_at(call, 0, 1, flags);
  if (flags != 0) return Error{Errc::invalid_argument, flags};
  return Ref<Inode>(TRY(usable_file_of(call, 0))->inode());
}

}  // namespace

SyscallResult sys_utimensat(const Syscall& call) {
  const u32 flags = flags_of(call, 3);
  std::array<TimeSpec, 2> times{TimeSpec{0, kNow}, TimeSpec{0, kNow}};
  if (call.x[2] != 0) times = TRY((read_user<std::array<TimeSpec, 2>>(call.address(2))));
  if (times[0].nanoseconds == kOmit && times[1].nanoseconds == kOmit) return u64{0};
  if (!is_valid(times[0]) || !is_valid(times[1])) return Errno::einval;
  if ((flags & ~(AtFlags::kNoFollow | AtFlags::kEmptyPath)) != 0) return Errno::einval;
  const Ref<Inode> inode = TRY(inode_for_times(call, flags));
  const FileTime now = inode->file_system().now();
  inode->set_times(chosen(times[0], now), chosen(times[1], now));
  return u64{0};
}

// File systems.

namespace {

/// MS_ flags that would make it another kind of call.
constexpr u64 kRemount = 0x20, kBind = 0x1000, kMove = 0x2000, kPropagation = 0x1e'0000;

Result<Ref<Directory>> new_file_system(std::string_view type) {
  if (type == "tmpfs" || type == "ramfs") return make_tmpfs(file_time);
  if (type == "proc") return make_proc();
  return Error{Errc::not_found};
}

}  // namespace

/// A tmpfs or a procfs; options are not read, and nothing is read-only.
SyscallResult sys_mount(const Syscall& call) {
  if ((call.x[3] & (kRemount | kBind | kMove | kPropagation)) != 0) return Errno::einval;
  if (call.x[2] == 0) return Errno::einval;
  const UserPath type = TRY(UserPath::copy(call.address(2)));
  const PathArgument target = TRY(PathArgument::of(call, 1));
  const Ref<Directory> place = TRY(directory_of(TRY(look_up(target.start(), target.text()))));
  const Result<Ref<Directory>> root = new_file_system(type.text());
  if (!root.has_value() && root.error().code == Errc::not_found) return Errno::enodev;
  if (!root.has_value()) return root.error();
  return place->mount(*root.value());
}

/// What is still open there stays usable, as with MNT_DETACH.
SyscallResult sys_umount2(const Syscall& call) {
  constexpr u32 kKnown = 0xf, kNoFollow = 8;
  const u32 flags = flags_of(call, 1);
  if ((flags & ~kKnown) != 0) return Errno::einval;
  const PathArgument path = TRY(PathArgument::of(call, 0));
  const FollowLast follow = (flags & kNoFollow) != 0 ? FollowLast::no : FollowLast::yes;
  const Ref<Inode> inode = TRY(look_up(path.start(), path.text(), follow));
  Directory* const root = inode->as_directory();
  return root == nullptr ? SyscallResult(Errno::einval) : root->unmount();
}

}  // namespace meridian
