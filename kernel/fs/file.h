// SPDX-License-Identifier: MIT
/// File: an open file, with its position and its flags (an "open file description"). Descriptors
/// share it after dup() and fork().
#pragma once

#include <atomic>
#include <span>

#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/sync/mutex.h"
#include "mm/user/transfer.h"

namespace meridian {

class Pipe;

/// lseek's.
enum class Whence : u8 { set, current, end };

/// What ioctl(2) is given: a number, or an address of the program that calls.
class IoctlArgument {
 public:
  virtual u64 value() const = 0;
  /// Copies from and to the program. Errc::fault.
  virtual Result<void> read(std::span<std::byte> to) = 0;
  virtual Result<void> write(std::span<const std::byte> from) = 0;

 protected:
  ~IoctlArgument() = default;
};

class File : public RefCounted {
 public:
  static void destroy(File* file) { file->destroy_this(); }

  Inode& inode() const { return *inode_; }
  OpenFlags flags() const { return OpenFlags(flags_.load(std::memory_order_relaxed)); }
  /// fcntl(F_SETFL): only what OpenFlags::kChangeable names changes.
  void set_flags(u32 bits);

  /// At the position, which moves; returns how many bytes. 0 bytes read is the end of the file.
  /// Errc::bad_descriptor if it is not open for this, try_again (O_NONBLOCK), interrupted, fault.
  Result<u64> read(ByteSink& to);
  Result<u64> write(ByteSource& from);
  /// At `offset`; the position stays. Errc::not_seekable.
  Result<u64> read_at(u64 offset, ByteSink& to);
  Result<u64> write_at(u64 offset, ByteSource& from);
  /// The same with the kernel's memory.
  Result<u64> read(std::span<std::byte> to);
  Result<u64> write(std::span<const std::byte> from);
  Result<u64> read_at(u64 offset, std::span<std::byte> to);
  Result<u64> write_at(u64 offset, std::span<const std::byte> from);

  /// Does it have places at which it can be read and written?
  virtual bool is_seekable() const { return false; }
  /// The new position. Errc::not_seekable, invalid_argument.
  virtual Result<u64> seek(i64 offset, Whence whence);
  /// getdents64. Errc::not_a_directory, invalid_argument (`to` is too small for an entry).
  virtual Result<u64> list(ByteSink& to);
  Result<u64> list(std::span<std::byte> to);
  /// Errc::not_a_terminal: what a program that asks isatty() counts on.
  virtual Result<u64> ioctl(u32 request, IoctlArgument& argument);

  /// The pipe that it is an end of; nullptr if it is none.
  virtual Pipe* pipe() { return nullptr; }

  /// PollEvents, now; and who tells when they change (nullptr: they never do).
  virtual u32 poll() { return PollEvents::kReadable | PollEvents::kWritable; }
  virtual PollQueue* poll_queue() { return nullptr; }

 protected:
  File(Ref<Inode> inode, OpenFlags flags) : inode_(std::move(inode)), flags_(flags.bits()) {}
  ~File() = default;

  WaitOptions wait_options() const { return {.interruptible = true}; }
  bool is_nonblocking() const { return flags().has(OpenFlags::kNonblock); }

 private:
  virtual Result<u64> do_read(ByteSink& to) = 0;
  virtual Result<u64> do_write(ByteSource& from) = 0;
  virtual Result<u64> do_read_at(u64, ByteSink&) { return Error{Errc::not_seekable}; }
  virtual Result<u64> do_write_at(u64, ByteSource&) { return Error{Errc::not_seekable}; }
  virtual void destroy_this() = 0;

  Ref<Inode> inode_;
  std::atomic<u32> flags_;
};

/// A file with a position. Whoever reads or writes at it does so alone.
class PositionedFile : public File {
 public:
  PositionedFile(Ref<Inode> inode, OpenFlags flags) : File(std::move(inode), flags) {}

  bool is_seekable() const override { return true; }
  Result<u64> seek(i64 offset, Whence whence) override;

 protected:
  ~PositionedFile() = default;

  Guarded<u64> position_{u64{0}};

 private:
  virtual Result<u64> read_from(u64 at, ByteSink& to) = 0;
  /// Writes at `at` (a file that only grows: at its end) and moves it behind what was written.
  virtual Result<u64> write_to(u64& at, ByteSource& from) = 0;
  virtual u64 end() = 0;

  Result<u64> do_read(ByteSink& to) final;
  Result<u64> do_write(ByteSource& from) final;
  Result<u64> do_read_at(u64 offset, ByteSink& to) final;
  Result<u64> do_write_at(u64 offset, ByteSource& from) final;
};

}  // namespace meridian
