// SPDX-License-Identifier: MIT
/// A process's descriptors: small numbers for open files, the lowest free one first. Threads of one
/// process share it; fork() copies it.
#pragma once

#include <array>

#include "kernel/fs/file.h"

namespace meridian {

class FdTable : public RefCounted {
 public:
  /// More than this no limit allows (RLIMIT_NOFILE's hard limit in a Linux that booted like this).
  static constexpr u32 kMost = 4096;
  enum class CloseOnExec : u8 { no, yes };

  /// An empty one, and one with the same files (fork). Errc::out_of_frames.
  static Result<Ref<FdTable>> make();
  Result<Ref<FdTable>> copy();
  static void destroy(FdTable* table);

  /// The file of `fd`. Errc::bad_descriptor.
  Result<Ref<File>> get(u32 fd);
  /// Puts `file` at the lowest free number from `least` on and below `limit`. Errc::too_many_files,
  /// invalid_argument (`least` is not below the limit), out_of_frames.
  Result<u32> add(Ref<File> file, CloseOnExec close, u32 limit, u32 least = 0);
  /// Puts `file` at `fd`, in place of what may be there (dup3). Errc::bad_descriptor if `fd` is not
  /// below the limit, out_of_frames.
  Result<void> put(u32 fd, Ref<File> file, CloseOnExec close, u32 limit);
  /// Errc::bad_descriptor.
  Result<void> close(u32 fd);
  /// All from `first` to `last`: close_range(2), and with CLOSE_RANGE_CLOEXEC.
  void close_range(u32 first, u32 last);
  void set_close_on_exec(u32 first, u32 last);
  /// What execve() does.
  void close_on_exec();

  /// FD_CLOEXEC. Errc::bad_descriptor.
  Result<CloseOnExec> close_on_exec(u32 fd);
  Result<void> set_close_on_exec(u32 fd, CloseOnExec close);

  /// The lowest number from `fd` on that is in use; kMost if there is none.
  u32 next(u32 fd);
  /// Numbers there is room for: FDSize in /proc/PID/status.
  u32 size();

 private:
  static constexpr u32 kBits = 64, kWords = kMost / kBits, kFirstSize = 64;

  /// A set of descriptors: a bit for each, and a bit for each word that is full or not empty.
  class Bits {
   public:
    bool has(u32 fd) const { return (words_[fd / kBits] >> fd % kBits & 1) != 0; }
    void set(u32 fd, bool on);
    /// The lowest from `fd` on that is (not) in the set; kMost if there is none.
    u32 next_set(u32 fd) const;
    u32 next_clear(u32 fd) const;

   private:
    std::array<u64, kWords> words_{};
    u64 full_ = 0, some_ = 0;
  };
  struct Table {
    bool is_open(u32 fd) const { return fd < size && used.has(fd); }
    [[nodiscard]] Ref<File> take(u32 fd);
    void place(u32 fd, Ref<File>& file, CloseOnExec how);

    File** files = nullptr;  // a reference in each that is used
    u32 size = 0;
    Bits used, close;
  };

  FdTable() = default;
  ~FdTable();
  Result<void> make_room(u32 fd);

  Locked<Table> table_;
};

}  // namespace meridian
