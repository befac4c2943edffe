// SPDX-License-Identifier: MIT
/// Descriptors and open files.
#include "kernel/syscall/files.h"

#include "kernel/fs/pipe.h"
#include "kernel/fs/record_locks.h"
#include "kernel/fs/root.h"
#include "kernel/syscall/file_argument.h"
#include "kernel/syscall/user_transfer.h"

namespace meridian {
namespace {

using CloseOnExec = FdTable::CloseOnExec;

CloseOnExec close_on_exec_of(u32 flags) {
  return OpenFlags(flags).has(OpenFlags::kCloseOnExec) ? CloseOnExec::yes : CloseOnExec::no;
}

/// Gives the caller a descriptor for `file`, from `least` on.
Result<u64> give_descriptor(const Syscall& call, Ref<File> file, CloseOnExec close, u32 least = 0) {
  const u32 limit = descriptor_limit(call.caller);
  return u64{TRY(call.caller.files().add(std::move(file), close, limit, least))};
}

}  // namespace

// Opening and closing.

SyscallResult sys_openat(const Syscall& call) {
  constexpr u32 kDirectoryBit = OpenFlags::kDirectory;
  u32 bits = flags_of(call, 2) | OpenFlags::kLargeFile;
  if ((bits & OpenFlags::kPath) != 0)
    bits &=
        OpenFlags::kPath | OpenFlags::kDirectory | OpenFlags::kNoFollow | OpenFlags::kCloseOnExec;
  const OpenFlags flags(bits);
  if (flags.has(OpenFlags::kUnnamed) && (bits & kDirectoryBit) == 0) return Errno::einval;
  const PathArgument path = TRY(PathArgument::of(call, 0, 1));
  const u32 permissions = flags_of(call, 3) & Inode::kPermissions & ~call.caller.fs().umask();
  Ref<File> file = TRY(open_path(path.start(), path.text(), flags, permissions));
  return give_descriptor(call, std::move(file), close_on_exec_of(bits));
}

SyscallResult sys_close(const Syscall& call) {
  return call.caller.files().close(flags_of(call, 0));
}

SyscallResult sys_close_range(const Syscall& call) {
  constexpr u32 kUnshare = 2, kCloseOnExec = 4;
  const u32 first = flags_of(call, 0), last = flags_of(call, 1), flags = flags_of(call, 2);
  if ((flags & ~(kUnshare | kCloseOnExec)) != 0 || first > last) return Errno::einval;
  if ((flags & kUnshare) != 0 && call.caller.files().references() > 1)
    call.caller.set_files(TRY(call.caller.files().copy()));
  if ((flags & kCloseOnExec) != 0)
    call.caller.files().set_close_on_exec(first, last);
  else
    call.caller.files().close_range(first, last);
  return u64{0};
}

/// The numbers are told before there is anything behind them, so that a bad address changes
/// nothing.
SyscallResult sys_pipe2(const Syscall& call) {
  constexpr u32 kKnown = OpenFlags::kCloseOnExec | OpenFlags::kNonblock | OpenFlags::kDirect;
  const u32 flags = flags_of(call, 1), limit = descriptor_limit(call.caller);
  if ((flags & ~kKnown) != 0) return Errno::einval;
  PipeEnds ends = TRY(make_pipe(OpenFlags(flags), file_time));
  FdTable& files = call.caller.files();
  const CloseOnExec close = close_on_exec_of(flags);
  std::array<u32, 2> numbers{};
  numbers[0] = TRY(files.add(std::move(ends.read), close, limit));
  const Result<u32> second = files.add(std::move(ends.write), close, limit);
  Result<void> told;
  if (second.has_value()) {
    numbers[1] = second.value();
    told = write_user(call.address(0), numbers);
    if (!told.has_value()) (void)files.close(numbers[1]);
  }
  if (second.has_value() && told.has_value()) return u64{0};
  (void)files.close(numbers[0]);
  return second.has_value() ? SyscallResult(told) : SyscallResult(second.error());
}

/// A file without a name, in the root's file system. There are neither seals nor huge pages.
SyscallResult sys_memfd_create(const Syscall& call) {
  constexpr u32 kCloseOnExec = 1;
  constexpr usize kLongest = 249;
  const u32 flags = flags_of(call, 1);
  if ((flags & ~kCloseOnExec) != 0) return Errno::einval;
  const UserPath name = TRY(UserPath::copy(call.address(0)));
  if (name.text().size() > kLongest) return Errno::einval;
  const Ref<Directory> root = TRY(root_directory());
  const Ref<Inode> inode = TRY(root->create_unnamed(0777));
  Ref<File> file = TRY(inode->open(OpenFlags(OpenFlags::kReadWrite | OpenFlags::kLargeFile)));
  return give_descriptor(call, std::move(file),
                         (flags & kCloseOnExec) != 0 ? CloseOnExec::yes : CloseOnExec::no);
}

// One file, several descriptors.

SyscallResult sys_dup(const Syscall& call) {
  return give_descriptor(call, TRY(file_of(call, 0)), CloseOnExec::no);
}

SyscallResult sys_dup3(const Syscall& call) {
  const u32 flags = flags_of(call, 2), to = flags_of(call, 1);
  if ((flags & ~u32{OpenFlags::kCloseOnExec}) != 0 || flags_of(call, 0) == to) return Errno::einval;
  Ref<File> file = TRY(file_of(call, 0));
  TRY(call.caller.files().put(to, std::move(file), close_on_exec_of(flags),
                              descriptor_limit(call.caller)));
  return u64{to};
}

namespace {

/// fcntl's commands.
enum Command : u32 {
  kDuplicate = 0,  // F_DUPFD
  kGetDescriptorFlags = 1,
  kSetDescriptorFlags = 2,
  kGetFlags = 3,
  kSetFlags = 4,
  kGetLock = 5,
  kSetLock = 6,
  kSetLockWait = 7,
  kDuplicateCloseOnExec = 1030,
  kSetPipeSize = 1031,
  kGetPipeSize = 1032,
};

Result<u64> duplicate(const Syscall& call, Ref<File> file, CloseOnExec close) {
  const u64 least = call.x[2], limit = descriptor_limit(call.caller);
  if (least >= limit) return Error{Errc::invalid_argument, least};
  return give_descriptor(call, std::move(file), close, static_cast<u32>(least));
}

Result<u64> set_pipe_size(File& file, u64 size) {
  if (file.pipe() == nullptr) return Error{Errc::bad_descriptor};
  if (size > ~u32{0} >> 1) return Error{Errc::invalid_argument, size};
  return file.pipe()->resize(size);
}

/// What may be asked of any descriptor, O_PATH's too; nothing for another command.
std::optional<SyscallResult> on_descriptor(const Syscall& call, const Ref<File>& file) {
  constexpr u64 kCloseOnExecBit = 1;
  const u32 fd = flags_of(call, 0);
  FdTable& files = call.caller.files();
  switch (flags_of(call, 1)) {
    case kDuplicate:
      return duplicate(call, file, CloseOnExec::no);
    case kDuplicateCloseOnExec:
      return duplicate(call, file, CloseOnExec::yes);
    case kGetDescriptorFlags: {
      const Result<CloseOnExec> close = files.close_on_exec(fd);
      return SyscallResult(close.has_value() && close.value() == CloseOnExec::yes ? kCloseOnExecBit
                                                                                  : 0);
    }
    case kSetDescriptorFlags:
      return SyscallResult(files.set_close_on_exec(
          fd, (call.x[2] & kCloseOnExecBit) != 0 ? CloseOnExec::yes : CloseOnExec::no));
    case kGetFlags:
      return SyscallResult(u64{file->flags().bits()});
    default:
      return std::nullopt;
  }
}

}  // namespace

namespace {

/// struct flock.
struct UserLock {
  i16 type, whence;
  i64 start, size;
  i32 pid;
};
static_assert(sizeof(UserLock) == 32);
enum LockType : i16 { kShared = 0, kExclusive = 1, kUnlock = 2 };

/// Where l_whence counts from.
Result<i64> base_of(File& file, i16 whence) {
  switch (whence) {
    case 0:
      return i64{0};
    case 1:
      return file.is_seekable() ? static_cast<i64>(TRY(file.seek(0, Whence::current))) : i64{0};
    case 2:
      return static_cast<i64>(file.inode().status().size);
    default:
      return Error{Errc::invalid_argument, static_cast<u64>(whence)};
  }
}

/// The bytes that `asked` is about; of the caller, and of no kind yet. Errc::invalid_argument; too_large (EOVERFLOW).
Result<RecordLock> bytes_of(const Syscall& call, File& file, const UserLock& asked) {
  constexpr i64 kEnd = static_cast<i64>(RecordLock::kEnd);
  i64 start = TRY(base_of(file, asked.whence)), last = kEnd;
  if (asked.start > kEnd - start) return Error{Errc::too_large};
  start += asked.start;
  if (start < 0) return Error{Errc::invalid_argument};
  if (asked.size > 0) {
    if (asked.size - 1 > kEnd - start) return Error{Errc::too_large};
    last = start + asked.size - 1;
  } else if (asked.size < 0) {
    if (start + asked.size < 0) return Error{Errc::invalid_argument};
    last = start - 1;
    start += asked.size;
  }
  return RecordLock{.inode = &file.inode(),
                    .owner = &call.caller.files(),
                    .first = static_cast<u64>(start),
                    .last = static_cast<u64>(last),
                    .pid = call.caller.pid()};
}

Result<RecordLock> lock_of(const Syscall& call, File& file, const UserLock& asked) {
  RecordLock lock = TRY(bytes_of(call, file, asked));
  lock.kind = asked.type == kExclusive ? RecordLock::Kind::exclusive : RecordLock::Kind::shared;
  return lock;
}

/// F_GETLK: who is in the way.
Result<void> tell_conflict(const Syscall& call, File& file) {
  UserLock asked = TRY(read_user<UserLock>(call.address(2)));
  if (asked.type != kShared && asked.type != kExclusive) return Error{Errc::invalid_argument};
  const std::optional<RecordLock> lock =
      record_locks().conflict(TRY(lock_of(call, file, asked)));
  if (!lock) {
    asked.type = kUnlock;
  } else {
    asked.type = lock->kind == RecordLock::Kind::exclusive ? kExclusive : kShared;
    asked.whence = 0;
    asked.start = static_cast<i64>(lock->first);
    asked.size = lock->last == RecordLock::kEnd ? 0 : static_cast<i64>(lock->last - lock->first + 1);
    asked.pid = static_cast<i32>(lock->pid);
  }
  return write_user(call.address(2), asked);
}

/// F_SETLK and F_SETLKW.
Result<void> change_lock(const Syscall& call, File& file, RecordLocks::Wait wait) {
  const UserLock asked = TRY(read_user<UserLock>(call.address(2)));
  const RecordLock lock = TRY(lock_of(call, file, asked));
  if (asked.type == kUnlock) return record_locks().unset(lock);
  if (asked.type != kShared && asked.type != kExclusive) return Error{Errc::invalid_argument};
  const bool may = asked.type == kShared ? file.flags().may_read() : file.flags().may_write();
  if (!may) return Error{Errc::bad_descriptor};
  TRY(record_locks().set(lock, wait));
  // Who shares the table may have closed it meanwhile, and that would have ended the lock.
  const Result<Ref<File>> still = file_of(call, 0);
  if (!still.has_value() || still.value().get() != &file)
    record_locks().release(file.inode(), lock.owner);
  return {};
}

SyscallResult lock_result(const Result<void>& done) {
  if (done.has_value()) return u64{0};
  switch (done.error().code) {
    case Errc::too_large:
      return Errno::eoverflow;
    case Errc::busy:
      return Errno::edeadlk;
    case Errc::out_of_frames:
      return Errno::enolck;
    default:
      return done.error();
  }
}

}  // namespace

/// Owners, leases and locks of open files (F_OFD_SETLK) are not there.
SyscallResult sys_fcntl(const Syscall& call) {
  const Ref<File> file = TRY(file_of(call, 0));
  if (const std::optional<SyscallResult> result = on_descriptor(call, file)) return *result;
  if (file->flags().has(OpenFlags::kPath)) return Errno::ebadf;
  switch (flags_of(call, 1)) {
    case kSetFlags:
      file->set_flags(flags_of(call, 2));
      return u64{0};
    case kSetPipeSize:
      return set_pipe_size(*file, flags_of(call, 2));
    case kGetPipeSize:
      if (file->pipe() == nullptr) return Errno::ebadf;
      return file->pipe()->capacity();
    case kGetLock:
      return lock_result(tell_conflict(call, *file));
    case kSetLock:
      return lock_result(change_lock(call, *file, RecordLocks::Wait::no));
    case kSetLockWait:
      return lock_result(change_lock(call, *file, RecordLocks::Wait::yes));
    default:
      return Errno::einval;
  }
}

namespace {

class UserArgument final : public IoctlArgument {
 public:
  explicit UserArgument(u64 value) : value_(value) {}
  u64 value() const override { return value_; }
  Result<void> read(std::span<std::byte> to) override {
    return copy_from_user(to, UserAddr(value_));
  }
  Result<void> write(std::span<const std::byte> from) override {
    return copy_to_user(UserAddr(value_), from);
  }

 private:
  u64 value_;
};

/// Requests that any file understands, and those of regular ones.
enum Request : u32 {
  kBlockSize = 0x2,          // FIGETBSZ
  kNonblocking = 0x5421,     // FIONBIO
  kGetBytes = 0x541b,        // FIONREAD
  kNoCloseOnExec = 0x5450,   // FIONCLEX
  kSetCloseOnExec = 0x5451,  // FIOCLEX
};

Result<u64> set_nonblocking(File& file, UserAddr from) {
  const u32 on = TRY(read_user<u32>(from));
  const u32 others = file.flags().bits() & ~u32{OpenFlags::kNonblock};
  file.set_flags(others | (on != 0 ? u32{OpenFlags::kNonblock} : 0));
  return u64{0};
}

Result<u64> regular_ioctl(File& file, u32 request, UserAddr argument) {
  const InodeStatus status = file.inode().status();
  if (request == kBlockSize) {
    TRY(write_user(argument, static_cast<u32>(status.block_size)));
    return u64{0};
  }
  if (request != kGetBytes) return Error{Errc::not_a_terminal, request};
  const u64 at = TRY(file.seek(0, Whence::current));
  TRY(write_user(argument, static_cast<u32>(status.size - at)));
  return u64{0};
}

}  // namespace

SyscallResult sys_ioctl(const Syscall& call) {
  const Ref<File> file = TRY(usable_file_of(call, 0));
  const u32 fd = flags_of(call, 0), request = flags_of(call, 1);
  switch (request) {
    case kNonblocking:
      return set_nonblocking(*file, call.address(2));
    case kNoCloseOnExec:
      return call.caller.files().set_close_on_exec(fd, CloseOnExec::no);
    case kSetCloseOnExec:
      return call.caller.files().set_close_on_exec(fd, CloseOnExec::yes);
    default:
      break;
  }
  if (file->inode().is(InodeType::regular)) return regular_ioctl(*file, request, call.address(2));
  UserArgument argument(call.x[2]);
  return file->ioctl(request, argument);
}

// Places and sizes.

/// SEEK_DATA and SEEK_HOLE: as if a file had one hole, behind its end.
SyscallResult sys_lseek(const Syscall& call) {
  constexpr u32 kData = 3, kHole = 4;
  const Ref<File> file = TRY(usable_file_of(call, 0));
  const u32 whence = flags_of(call, 2);
  const i64 offset = static_cast<i64>(call.x[1]);
  if (whence <= static_cast<u32>(Whence::end))
    return file->seek(offset, static_cast<Whence>(whence));
  if (whence > kHole) return Errno::einval;
  if (!file->is_seekable()) return Errno::espipe;
  const u64 size = file->inode().status().size;
  if (call.x[1] >= size) return Errno::enxio;
  return file->seek(whence == kData ? offset : static_cast<i64>(size), Whence::set);
}

SyscallResult sys_ftruncate(const Syscall& call) {
  if (static_cast<i64>(call.x[1]) < 0) return Errno::einval;
  const Ref<File> file = TRY(usable_file_of(call, 0));
  if (!file->inode().is(InodeType::regular) || !file->flags().may_write()) return Errno::einval;
  TRY(check_growth(call, file->inode(), call.x[1]));
  return file->inode().truncate(call.x[1]);
}

namespace {

Result<void> allocate(const Syscall& call, Inode& inode, u64 offset, u64 size) {
  const u64 end = offset + size;
  if (end > MemoryObject::kMostBytes) return Error{Errc::file_too_large, end};
  TRY(check_growth(call, inode, end));
  if (inode.status().size < end) TRY(inode.truncate(end));
  for (u64 page = offset >> kPageShift; page <= (end - 1) >> kPageShift; ++page)
    TRY(inode.contents()->page(page));
  return {};
}

}  // namespace

/// With mode 0 only.
SyscallResult sys_fallocate(const Syscall& call) {
  const i64 offset = static_cast<i64>(call.x[2]), size = static_cast<i64>(call.x[3]);
  const Ref<File> file = TRY(usable_file_of(call, 0));
  if (offset < 0 || size <= 0) return Errno::einval;
  if (call.x[1] != 0) return Errno::eopnotsupp;
  if (!file->flags().may_write()) return Errno::ebadf;
  if (file->inode().is(InodeType::fifo)) return Errno::espipe;
  if (file->inode().contents() == nullptr) return Errno::enodev;
  return allocate(call, file->inode(), call.x[2], call.x[3]);
}

/// There is nowhere to write to: files are memory.
SyscallResult sys_sync(const Syscall&) { return u64{0}; }
SyscallResult sys_fsync(const Syscall& call) {
  const Ref<File> file = TRY(usable_file_of(call, 0));
  const Inode& inode = file->inode();
  return inode.is(InodeType::regular) || inode.is(InodeType::directory) ? SyscallResult(u64{0})
                                                                        : Errno::einval;
}

SyscallResult sys_fadvise64(const Syscall& call) {
  constexpr u64 kLastAdvice = 5;
  const Ref<File> file = TRY(usable_file_of(call, 0));
  if (file->inode().is(InodeType::fifo)) return Errno::espipe;
  if (static_cast<i64>(call.x[2]) < 0 || flags_of(call, 3) > kLastAdvice) return Errno::einval;
  return u64{0};
}

SyscallResult sys_getdents64(const Syscall& call) {
  const Ref<File> file = TRY(usable_file_of(call, 0));
  const u64 size = call.x[2] & ~u64{0} >> 32;  // Linux takes the lower half
  TRY(check_user_range({call.address(1), size}));
  const IoVector piece{call.x[1], size};
  UserSink to({&piece, 1}, size);
  return file->list(to);
}

}  // namespace meridian
