// SPDX-License-Identifier: MIT
/// A file system as its files see it: its device number, its clock, and what statfs(2) tells. It
/// lives as long as one of its inodes does.
#pragma once

#include <atomic>
#include <string_view>

#include "kernel/lib/ref.h"
#include "kernel/lib/types.h"

namespace meridian {

/// A moment, since 1970.
struct FileTime {
  i64 seconds = 0;
  u32 nanoseconds = 0;

  friend constexpr auto operator<=>(const FileTime&, const FileTime&) = default;
};
using FileClock = FileTime (*)();

/// What statfs(2) tells, in its words.
struct FileSystemStatus {
  u64 type = 0;  // the magic number
  u64 block_size = 0;
  u64 blocks = 0, free_blocks = 0;
};

class FileSystem : public RefCounted {
 public:
  explicit FileSystem(FileClock clock) : clock_(clock), device_(next_device_++) {}
  static void destroy(FileSystem* file_system) { file_system->destroy_this(); }

  /// As /proc/mounts calls it.
  virtual std::string_view type_name() const = 0;
  virtual FileSystemStatus status() = 0;

  FileTime now() const { return clock_(); }
  /// st_dev: major number 0, which is for file systems without a device.
  u64 device() const { return device_; }
  u64 new_inode_number() { return next_inode_++; }

 protected:
  ~FileSystem() = default;

 private:
  virtual void destroy_this() = 0;

  static inline std::atomic<u64> next_device_{2};  // Linux's first root has 0:2

  FileClock clock_;
  u64 device_;
  std::atomic<u64> next_inode_{1};
};

}  // namespace meridian
