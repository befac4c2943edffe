// SPDX-License-Identifier: MIT
/// Directories: names of inodes. What a file system cannot do it leaves as it is here, and Linux's
/// error says so. Names are whole: neither "", "." nor "..", and without a '/'.
#pragma once

#include "kernel/fs/inode.h"

namespace meridian {

/// One name in a directory, as getdents64 tells it.
struct DirectoryEntry {
  std::string_view name;
  u64 inode = 0;
  InodeType type = InodeType::regular;
  u64 next = 0;  // the position behind it
};

/// Takes a directory's entries, one after the other. It is called with the directory locked.
class DirectoryReader {
 public:
  /// False if it takes no more, and has not taken this one.
  virtual bool take(const DirectoryEntry& entry) = 0;

 protected:
  ~DirectoryReader() = default;
};

enum class RenameMode : u8 {
  replace,     // what has the new name already
  no_replace,  // RENAME_NOREPLACE
  exchange,    // RENAME_EXCHANGE: both names stay
};

class Directory : public Inode {
 public:
  /// NAME_MAX.
  static constexpr usize kLongestName = 255;

  /// Errc::not_found, name_too_long.
  virtual Result<Ref<Inode>> find(std::string_view name) = 0;
  /// What ".." means here: for a file system's root itself. Errc::not_found if it is deleted.
  virtual Result<Ref<Directory>> parent() = 0;
  /// Gives the entries from `position` on (0 is the start) to `reader`, in an order that does not
  /// change, until it takes no more. An entry that is there all the time is told exactly once,
  /// whatever comes and goes meanwhile.
  virtual void list(u64 position, DirectoryReader& reader) = 0;

  /// Each leaves everything as it was if it fails. Errc::exists, not_found (this directory has been
  /// deleted), name_too_long, out_of_frames.
  virtual Result<Ref<Inode>> create(std::string_view name, const NewInode& what);
  virtual Result<void> link(std::string_view name, Inode& inode);
  /// A regular file without a name yet (O_TMPFILE).
  virtual Result<Ref<Inode>> create_unnamed(u32 permissions);
  /// Errc::is_a_directory, busy (it is a mount point).
  virtual Result<void> unlink(std::string_view name);
  /// Errc::not_a_directory, not_empty, busy.
  virtual Result<void> remove_directory(std::string_view name);
  /// `to` is of the same file system. Errc::invalid_argument if a directory would come into itself,
  /// and what the others above say.
  virtual Result<void> rename(std::string_view name, Directory& to, std::string_view new_name,
                              RenameMode mode);

  Result<Ref<File>> open(OpenFlags flags) override;
  Directory* as_directory() final { return this; }

  /// Puts the root of a file system in this directory's place; Errc::busy if one is there or
  /// `root` is mounted elsewhere. unmount() is for the root; Errc::invalid_argument if it is not
  /// mounted.
  Result<void> mount(Directory& root);
  Result<void> unmount();
  bool is_mount_point() { return static_cast<bool>(mounted()); }
  /// The root that is mounted here, and for such a root the directory that it covers; or nothing.
  Ref<Directory> mounted();
  Ref<Directory> covered();

 protected:
  /// With its "." and the name in its parent.
  Directory(Ref<FileSystem> file_system, u32 permissions, u64 number = 0)
      : Inode(std::move(file_system), InodeType::directory, permissions, 2, number) {}
  ~Directory() = default;

 private:
  struct Mounts {
    Ref<Directory> mounted, covered;
  };
  Locked<Mounts> mounts_;
};

/// The directory that `inode` is. Errc::not_a_directory.
Result<Ref<Directory>> directory_of(const Ref<Inode>& inode);

/// Writes entries one behind the other as getdents64 does (struct linux_dirent64).
class DirectoryPacker final : public DirectoryReader {
 public:
  explicit DirectoryPacker(std::span<std::byte> to) : to_(to) {}
  bool take(const DirectoryEntry& entry) override;

  usize size() const { return used_; }
  /// True if the first entry did not fit.
  bool is_too_small() const { return used_ == 0 && refused_; }
  u64 next() const { return next_; }  // the position behind what was taken; valid if size() != 0

 private:
  std::span<std::byte> to_;
  usize used_ = 0;
  u64 next_ = 0;
  bool refused_ = false;
};

}  // namespace meridian
