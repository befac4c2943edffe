// SPDX-License-Identifier: MIT
/// Inodes: files as file systems keep them, whatever their names and whoever has them open. An
/// inode lives as long as a name, an open file or anybody else holds it.
#pragma once

#include <optional>
#include <string_view>

#include "kernel/fs/file_system.h"
#include "kernel/fs/open_flags.h"
#include "kernel/lib/result.h"
#include "kernel/sync/spinlock.h"
#include "mm/user/memory_object.h"

namespace meridian {

class Directory;
class File;
class SymbolicLink;
class Writer;

/// The kinds of files, by Linux's numbers: what getdents64 calls d_type, and the top four bits of a
/// mode.
enum class InodeType : u8 {
  fifo = 1,
  character_device = 2,
  directory = 4,
  block_device = 6,
  regular = 8,
  symbolic_link = 10,
  socket = 12,
};

/// The kind that a mode names; nothing if there is no such kind.
std::optional<InodeType> type_of_mode(u32 mode);

/// A device's number as stat(2) packs it: 12 bits of major, 20 of minor number.
constexpr u64 device_number(u32 major, u32 minor) {
  return (minor & 0xff) | u64{major & 0xfff} << 8 | u64{minor >> 8} << 20;
}

/// What stat(2) tells.
struct InodeStatus {
  u64 device = 0, inode = 0;
  u32 mode = 0;
  u32 links = 0;
  u32 uid = 0, gid = 0;
  u64 special_device = 0;
  u64 size = 0;
  u64 block_size = 0;
  u64 blocks = 0;  // of 512 bytes
  FileTime accessed, modified, changed;
};

/// What Directory::create() makes.
struct NewInode {
  InodeType type = InodeType::regular;
  u32 permissions = 0644;
  u64 device = 0;             // of devices
  std::string_view target{};  // of symbolic links
};

class Inode : public RefCounted {
 public:
  static constexpr u32 kPermissions = 07777;

  static void destroy(Inode* inode) { inode->destroy_this(); }

  InodeType type() const { return type_; }
  bool is(InodeType type) const { return type_ == type; }
  u64 number() const { return number_; }
  FileSystem& file_system() const { return *file_system_; }
  InodeStatus status();

  void set_permissions(u32 permissions);
  /// What is not given stays.
  void set_owner(std::optional<u32> uid, std::optional<u32> gid);
  void set_times(std::optional<FileTime> accessed, std::optional<FileTime> modified);
  /// The file was read: its time of access moves if it has been changed since (as Linux's relatime
  /// has it).
  void note_access();
  /// Its contents were changed.
  void note_change();

  /// For directories. One name more: Errc::not_found if the last is gone, for what has been deleted
  /// stays so (only what never had a name may get its first).
  Result<void> add_link();
  void change_links(int by);

  /// The directory that has its newest name, as far as its file system keeps that; empty if it has none
  /// any more. (Of a directory: its parent() says it.)
  Ref<Directory> home();
  void set_home(const Directory& directory);
  /// It has lost the name that it had there.
  void leave_home(const Directory& directory);

  /// An open file. The checks that concern names are done; `flags` are for the file.
  virtual Result<Ref<File>> open(OpenFlags flags) = 0;
  /// Errc::invalid_argument if it is no regular file, file_too_large.
  virtual Result<void> truncate(u64 size);
  /// What mmap() maps; nullptr if it cannot be mapped.
  virtual MemoryObject* contents() { return nullptr; }
  virtual Directory* as_directory() { return nullptr; }
  virtual SymbolicLink* as_symbolic_link() { return nullptr; }
  /// What a link in /proc/PID/fd says of a file without a name: "pipe:[7]".
  virtual void describe(Writer& out);

 protected:
  /// Its number is a new one unless it is given.
  Inode(Ref<FileSystem> file_system, InodeType type, u32 permissions, u32 links = 1,
        u64 number = 0);
  ~Inode() = default;

 private:
  struct Metadata {
    u32 permissions = 0, links = 0, uid = 0, gid = 0;
    bool had_a_name = true;
    const Directory* home = nullptr;  // a directory says so before it goes
    FileTime accessed, modified, changed;
  };

  virtual void destroy_this() = 0;
  /// Size, blocks and the like, of kinds that have them.
  virtual void fill(InodeStatus&) {}

  Ref<FileSystem> file_system_;
  u64 number_;
  InodeType type_;
  Locked<Metadata> metadata_;
};

class SymbolicLink : public Inode {
 public:
  /// The path that it holds; as constant as the inode.
  virtual std::string_view target() = 0;
  /// Where it leads without a path, as /proc/PID/fd/N does; nothing for all others.
  virtual Result<Ref<Inode>> jump() { return Ref<Inode>(); }

  /// A link itself cannot be opened. Errc::too_many_links, as O_NOFOLLOW has it.
  Result<Ref<File>> open(OpenFlags flags) override;
  SymbolicLink* as_symbolic_link() final { return this; }

 protected:
  SymbolicLink(Ref<FileSystem> file_system, u32 permissions, u64 number = 0)
      : Inode(std::move(file_system), InodeType::symbolic_link, permissions, 1, number) {}
  ~SymbolicLink() = default;

  void fill(InodeStatus& status) override { status.size = target().size(); }
};

}  // namespace meridian
