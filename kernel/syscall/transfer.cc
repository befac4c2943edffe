// SPDX-License-Identifier: MIT
/// Reading and writing: a program's memory becomes a ByteSink or a ByteSource, and the file does
/// the rest.
#include "kernel/syscall/transfer.h"

#include "kernel/fs/pipe.h"
#include "kernel/proc/signals.h"
#include "kernel/syscall/file_argument.h"
#include "kernel/syscall/user_transfer.h"
#include "mm/slab/buffer.h"

namespace meridian {
namespace {

constexpr u64 kMostAtOnce = 0x7fff'f000;  // Linux's MAX_RW_COUNT
constexpr u64 kMostPieces = 1024;         // and its UIO_MAXIOV

/// Writes all of `from`, by `write()`. Whoever writes to nobody, or loses his last reader
/// meanwhile, hears SIGPIPE; whoever would make a file too large, SIGXFSZ.
template <typename Write>
Result<u64> write_all(const Syscall& call, File& file, ByteSource& from, Write&& write) {
  from.set_file_limit(file_size_limit(call.caller));
  const Result<u64> count = write();
  if (!count.has_value() && count.error().code == Errc::over_limit)
    return beyond_limit(call.caller, count.error().about);
  const bool broken = count.has_value()
                          ? from.left() != 0 && file.pipe() != nullptr && !file.pipe()->has_reader()
                          : count.error().code == Errc::broken_pipe;
  if (broken) (void)send_signal(call.caller, {.signal = kSigpipe, .pid = call.caller.pid()});
  return count;
}

/// The one piece that arguments 1 and 2 describe.
Result<IoVector> buffer_of(const Syscall& call) {
  TRY(check_user_range({call.address(1), call.x[2]}));
  return IoVector{call.x[1], std::min(call.x[2], kMostAtOnce)};
}

template <typename Use>
Result<u64> with_sink(const Syscall& call, Use&& use) {
  const IoVector piece = TRY(buffer_of(call));
  UserSink sink({&piece, 1}, piece.size);
  return use(sink);
}
template <typename Use>
Result<u64> with_source(const Syscall& call, Use&& use) {
  const IoVector piece = TRY(buffer_of(call));
  UserSource source({&piece, 1}, piece.size);
  return use(source);
}

Result<Ref<File>> readable_file_of(const Syscall& call, usize i) {
  Ref<File> file = TRY(file_of(call, i));
  if (!file->flags().may_read()) return Error{Errc::bad_descriptor, call.x[i]};
  return file;
}
Result<Ref<File>> writable_file_of(const Syscall& call, usize i) {
  Ref<File> file = TRY(file_of(call, i));
  if (!file->flags().may_write()) return Error{Errc::bad_descriptor, call.x[i]};
  return file;
}

/// What a call with an offset, argument 3, wants before all else.
Result<void> check_place(const Syscall& call) {
  if (static_cast<i64>(call.x[3]) < 0) return Error{Errc::invalid_argument, call.x[3]};
  if (!TRY(usable_file_of(call, 0))->is_seekable()) return Error{Errc::not_seekable};
  return {};
}

}  // namespace

SyscallResult sys_read(const Syscall& call) {
  const Ref<File> file = TRY(readable_file_of(call, 0));
  return with_sink(call, [&](ByteSink& to) { return file->read(to); });
}

SyscallResult sys_write(const Syscall& call) {
  const Ref<File> file = TRY(writable_file_of(call, 0));
  return with_source(call, [&](ByteSource& from) {
    return write_all(call, *file, from, [&] { return file->write(from); });
  });
}

SyscallResult sys_pread64(const Syscall& call) {
  TRY(check_place(call));
  const Ref<File> file = TRY(readable_file_of(call, 0));
  return with_sink(call, [&](ByteSink& to) { return file->read_at(call.x[3], to); });
}

SyscallResult sys_pwrite64(const Syscall& call) {
  TRY(check_place(call));
  const Ref<File> file = TRY(writable_file_of(call, 0));
  return with_source(call, [&](ByteSource& from) {
    return write_all(call, *file, from, [&] { return file->write_at(call.x[3], from); });
  });
}

namespace {

/// The pieces that arguments 1 and 2 describe, copied once.
class Pieces {
 public:
  /// Errc::invalid_argument, fault, out_of_frames. What all of them have beyond kMostAtOnce is cut
  /// off.
  Result<void> copy(const Syscall& call) {
    const u64 count = call.x[2];
    if (count > kMostPieces) return Error{Errc::invalid_argument, count};
    if (count > few_.size()) {
      many_.emplace(TRY(Buffer::make(count * sizeof(IoVector))));
      pieces_ = {reinterpret_cast<IoVector*>(many_->bytes().data()), count};
    } else {
      pieces_ = std::span(few_).first(count);
    }
    TRY(copy_from_user(std::as_writable_bytes(pieces_), call.address(1)));
    for (IoVector& piece : pieces_) {
      if (static_cast<i64>(piece.size) < 0) return Error{Errc::invalid_argument, piece.size};
      TRY(check_user_range({UserAddr(piece.start), piece.size}));
      piece.size = std::min(piece.size, kMostAtOnce - size_);
      size_ += piece.size;
    }
    return {};
  }
  std::span<const IoVector> all() const { return pieces_; }
  u64 size() const { return size_; }

 private:
  std::array<IoVector, 8> few_;
  std::optional<Buffer> many_;
  std::span<IoVector> pieces_;
  u64 size_ = 0;
};

/// As with_sink and with_source, for all the pieces: `End` is UserSink or UserSource.
template <typename End, typename Use>
Result<u64> with_pieces(const Syscall& call, Use&& use) {
  Pieces pieces;
  TRY(pieces.copy(call));
  End end(pieces.all(), pieces.size());
  return use(end);
}

}  // namespace

SyscallResult sys_readv(const Syscall& call) {
  const Ref<File> file = TRY(readable_file_of(call, 0));
  return with_pieces<UserSink>(call, [&](UserSink& to) { return file->read(to); });
}

SyscallResult sys_writev(const Syscall& call) {
  const Ref<File> file = TRY(writable_file_of(call, 0));
  return with_pieces<UserSource>(call, [&](UserSource& from) {
    return write_all(call, *file, from, [&] { return file->write(from); });
  });
}

/// (The upper half of the offset, argument 4, is for CPUs that have no 64-bit registers.)
SyscallResult sys_preadv(const Syscall& call) {
  TRY(check_place(call));
  const Ref<File> file = TRY(readable_file_of(call, 0));
  return with_pieces<UserSink>(call, [&](UserSink& to) { return file->read_at(call.x[3], to); });
}

SyscallResult sys_pwritev(const Syscall& call) {
  TRY(check_place(call));
  const Ref<File> file = TRY(writable_file_of(call, 0));
  return with_pieces<UserSource>(call, [&](UserSource& from) {
    return write_all(call, *file, from, [&] { return file->write_at(call.x[3], from); });
  });
}

// From file to file.

namespace {

/// One side of a copy between files: its own position, or one that the program keeps.
class CopyEnd {
 public:
  /// `where`: of the program's position; null if it is the file's. Errc::invalid_argument, fault.
  static Result<CopyEnd> of(Ref<File> file, UserAddr where) {
    CopyEnd end(std::move(file), where);
    if (!end.file_->is_seekable()) return end;
    end.position_ = where != UserAddr(0) ? TRY(read_user<u64>(where))
                                         : TRY(end.file_->seek(0, Whence::current));
    if (static_cast<i64>(end.position_) < 0) return Error{Errc::invalid_argument, end.position_};
    return end;
  }
  File& file() const { return *file_; }
  u64 position() const { return position_; }

  Result<u64> read(std::span<std::byte> to) { return file_->read_at(position_, to); }
  Result<u64> write(const Syscall& call, std::span<const std::byte> bytes) {
    MemorySource from(bytes);
    return write_all(call, *file_, from, [&] {
      return file_->is_seekable() ? file_->write_at(position_, from) : file_->write(from);
    });
  }
  void advance(u64 by) { position_ += by; }
  /// Puts the position where it came from.
  Result<void> finish() {
    if (where_ != UserAddr(0)) return write_user(where_, position_);
    if (file_->is_seekable()) TRY(file_->seek(static_cast<i64>(position_), Whence::set));
    return {};
  }

 private:
  CopyEnd(Ref<File> file, UserAddr where) : file_(std::move(file)), where_(where) {}

  Ref<File> file_;
  UserAddr where_;
  u64 position_ = 0;
};

/// Copies `count` bytes, or up to the end of `in`, or to where `out` takes no more.
Result<u64> copy_between(const Syscall& call, CopyEnd& in, CopyEnd& out, u64 count) {
  const Buffer buffer = TRY(Buffer::make(16_KiB));
  u64 done = 0;
  while (done != count) {
    const auto piece = buffer.bytes().first(std::min(count - done, u64{buffer.bytes().size()}));
    const Result<u64> got = in.read(piece);
    if (!got.has_value() && done == 0) return got.error();
    if (got.value_or(0) == 0) break;
    const Result<u64> put = out.write(call, piece.first(got.value()));
    if (!put.has_value() && done == 0) return put.error();
    in.advance(put.value_or(0)), out.advance(put.value_or(0));
    done += put.value_or(0);
    if (put.value_or(0) != got.value()) break;
  }
  return done;
}

Result<u64> copy_and_finish(const Syscall& call, CopyEnd& in, CopyEnd& out, u64 count) {
  const u64 done = TRY(copy_between(call, in, out, std::min(count, kMostAtOnce)));
  TRY(in.finish());
  TRY(out.finish());
  return done;
}

}  // namespace

/// From a file with places, to any.
SyscallResult sys_sendfile(const Syscall& call) {
  const Ref<File> source = TRY(readable_file_of(call, 1));
  const Ref<File> target = TRY(writable_file_of(call, 0));
  if (!source->is_seekable()) return call.x[2] != 0 ? Errno::espipe : Errno::einval;
  if (source->inode().is(InodeType::directory) || target->flags().has(OpenFlags::kAppend))
    return Errno::einval;
  CopyEnd in = TRY(CopyEnd::of(source, call.address(2)));
  CopyEnd out = TRY(CopyEnd::of(target, UserAddr(0)));
  return copy_and_finish(call, in, out, call.x[3]);
}

SyscallResult sys_copy_file_range(const Syscall& call) {
  if (flags_of(call, 5) != 0) return Errno::einval;
  const Ref<File> source = TRY(readable_file_of(call, 0));
  const Ref<File> target = TRY(writable_file_of(call, 2));
  for (const Inode* inode : {&source->inode(), &target->inode()}) {
    if (inode->is(InodeType::directory)) return Errno::eisdir;
    if (!inode->is(InodeType::regular)) return Errno::einval;
  }
  if (target->flags().has(OpenFlags::kAppend)) return Errno::ebadf;
  CopyEnd in = TRY(CopyEnd::of(source, call.address(1)));
  CopyEnd out = TRY(CopyEnd::of(target, call.address(3)));
  const u64 count = std::min(call.x[4], kMostAtOnce);
  const bool overlap =
      in.position() < out.position() + count && out.position() < in.position() + count;
  if (&source->inode() == &target->inode() && overlap) return Errno::einval;
  return copy_and_finish(call, in, out, count);
}

}  // namespace meridian
