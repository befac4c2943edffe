// SPDX-License-Identifier: MIT
#include "kernel/fs/inode.h"

#include "kernel/fs/directory.h"
#include "kernel/fs/file.h"
#include "kernel/lib/format.h"

namespace meridian {

std::optional<InodeType> type_of_mode(u32 mode) {
  const auto type = static_cast<InodeType>(mode >> 12);
  switch (type) {
    case InodeType::fifo:
    case InodeType::character_device:
    case InodeType::directory:
    case InodeType::block_device:
    case InodeType::regular:
    case InodeType::symbolic_link:
    case InodeType::socket:
      return type;
  }
  return {};
}

Inode::Inode(Ref<FileSystem> file_system, InodeType type, u32 permissions, u32 links, u64 number)
    : file_system_(std::move(file_system)),
      number_(number != 0 ? number : file_system_->new_inode_number()),
      type_(type) {
  const FileTime now = file_system_->now();
  metadata_.with([&](Metadata& m) {
    m.permissions = permissions & kPermissions;
    m.links = links;
    m.had_a_name = links != 0;
    m.accessed = m.modified = m.changed = now;
  });
}

InodeStatus Inode::status() {
  InodeStatus status;
  status.device = file_system_->device();
  status.inode = number_;
  status.block_size = kPageSize;
  metadata_.with([&](const Metadata& m) {
    status.mode = static_cast<u32>(type_) << 12 | m.permissions;
    status.links = m.links;
    status.uid = m.uid, status.gid = m.gid;
    status.accessed = m.accessed, status.modified = m.modified, status.changed = m.changed;
  });
  fill(status);
  return status;
}

void Inode::set_permissions(u32 permissions) {
  metadata_.with([&](Metadata& m) {
    m.permissions = permissions & kPermissions;
    m.changed = file_system_->now();
  });
}

void Inode::set_owner(std::optional<u32> uid, std::optional<u32> gid) {
  metadata_.with([&](Metadata& m) {
    m.uid = uid.value_or(m.uid);
    m.gid = gid.value_or(m.gid);
    m.changed = file_system_->now();
  });
}

void Inode::set_times(std::optional<FileTime> accessed, std::optional<FileTime> modified) {
  metadata_.with([&](Metadata& m) {
    m.accessed = accessed.value_or(m.accessed);
    m.modified = modified.value_or(m.modified);
    m.changed = file_system_->now();
  });
}

void Inode::note_access() {
  metadata_.with([&](Metadata& m) {
    if (m.accessed <= m.modified) m.accessed = file_system_->now();
  });
}

void Inode::note_change() {
  metadata_.with([&](Metadata& m) { m.modified = m.changed = file_system_->now(); });
}

Ref<Directory> Inode::home() {
  return metadata_.with([](const Metadata& m) {
    if (m.home == nullptr || !m.home->try_add_ref()) return Ref<Directory>();
    return Ref<Directory>::adopt(const_cast<Directory&>(*m.home));
  });
}

void Inode::set_home(const Directory& directory) {
  metadata_.with([&](Metadata& m) { m.home = &directory; });
}

void Inode::leave_home(const Directory& directory) {
  metadata_.with([&](Metadata& m) {
    if (m.home == &directory) m.home = nullptr;
  });
}

Result<void> Inode::truncate(u64) { return Error{Errc::invalid_argument}; }

void Inode::describe(Writer& out) { print(out, "inode:[{}]", number_); }

Result<void> Inode::add_link() {
  return metadata_.with([&](Metadata& m) -> Result<void> {
    if (m.links == 0 && m.had_a_name) return Error{Errc::not_found};
    ++m.links;
    m.had_a_name = true;
    m.changed = file_system_->now();
    return {};
  });
}

void Inode::change_links(int by) {
  metadata_.with([&](Metadata& m) {
    m.links += static_cast<u32>(by);
    m.changed = file_system_->now();
  });
}

Result<Ref<File>> SymbolicLink::open(OpenFlags) { return Error{Errc::too_many_links}; }

}  // namespace meridian
