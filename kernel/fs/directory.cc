// SPDX-License-Identifier: MIT
#include "kernel/fs/directory.h"

#include <algorithm>
#include <cstring>

#include "kernel/fs/counted.h"
#include "kernel/fs/file.h"
#include "kernel/lib/bits.h"
#include "mm/slab/buffer.h"

namespace meridian {
namespace {

/// An open directory: its position is where the next getdents64 goes on.
class OpenDirectory final : public PositionedFile {
 public:
  using PositionedFile::PositionedFile;

  using File::list;
  Result<u64> list(ByteSink& to) override {
    const Buffer buffer = TRY(Buffer::make(std::min(to.left(), kMostAtOnce)));
    return position_.with([&](u64& position) -> Result<u64> {
      DirectoryPacker packer(buffer.bytes());
      directory().list(position, packer);
      if (packer.is_too_small()) return Error{Errc::invalid_argument, to.left()};
      const u64 size = packer.size();
      if (size == 0) return u64{0};
      if (to.put(buffer.bytes().first(size)) != size) return Error{Errc::fault};
      position = packer.next();
      return size;
    });
  }

 private:
  static constexpr u64 kMostAtOnce = 32_KiB;  // what C libraries ask for

  Directory& directory() { return *inode().as_directory(); }
  Result<u64> read_from(u64, ByteSink&) override { return Error{Errc::is_a_directory}; }
  Result<u64> write_to(u64&, ByteSource&) override { return Error{Errc::is_a_directory}; }
  u64 end() override { return 0; }
  void destroy_this() override { destroy_counted(this); }
};

/// linux_dirent64 before its name.
struct EntryHeader {
  u64 inode, next;
  u16 size;
  u8 type;
} __attribute__((packed));
static_assert(sizeof(EntryHeader) == 19);

}  // namespace

Result<Ref<Inode>> Directory::create(std::string_view, const NewInode&) {
  return Error{Errc::not_permitted};
}
Result<void> Directory::link(std::string_view, Inode&) { return Error{Errc::not_permitted}; }
Result<Ref<Inode>> Directory::create_unnamed(u32) { return Error{Errc::unsupported}; }
Result<void> Directory::unlink(std::string_view) { return Error{Errc::not_permitted}; }
Result<void> Directory::remove_directory(std::string_view) { return Error{Errc::not_permitted}; }
Result<void> Directory::rename(std::string_view, Directory&, std::string_view, RenameMode) {
  return Error{Errc::not_permitted};
}

Result<Ref<File>> Directory::open(OpenFlags flags) {
  return Ref<File>(TRY(make_counted<OpenDirectory>(Ref<Inode>(*this), flags)));
}

Result<void> Directory::mount(Directory& root) {
  TRY(root.mounts_.with([&](Mounts& links) -> Result<void> {
    if (links.covered) return Error{Errc::busy};
    links.covered = Ref<Directory>(*this);
    return {};
  }));
  const bool free = mounts_.with([&](Mounts& links) {
    if (links.mounted) return false;
    links.mounted = Ref<Directory>(root);
    return true;
  });
  if (free) return {};
  root.mounts_.with([](Mounts& links) { return std::exchange(links.covered, {}); });
  return Error{Errc::busy};
}

Result<void> Directory::unmount() {
  const Ref<Directory> place =
      mounts_.with([](Mounts& links) { return std::exchange(links.covered, {}); });
  if (!place) return Error{Errc::invalid_argument};
  place->mounts_.with([](Mounts& links) { return std::exchange(links.mounted, {}); });
  return {};
}

Ref<Directory> Directory::mounted() {
  return mounts_.with([](const Mounts& links) { return links.mounted; });
}

Ref<Directory> Directory::covered() {
  return mounts_.with([](const Mounts& links) { return links.covered; });
}

Result<Ref<Directory>> directory_of(const Ref<Inode>& inode) {
  Directory* const directory = inode->as_directory();
  if (directory == nullptr) return Error{Errc::not_a_directory};
  return Ref<Directory>(*directory);
}

bool DirectoryPacker::take(const DirectoryEntry& entry) {
  const usize size = align_up(sizeof(EntryHeader) + entry.name.size() + 1, 8);
  if (size > to_.size() - used_) {
    refused_ = true;
    return false;
  }
  const EntryHeader header{entry.inode, entry.next, static_cast<u16>(size),
                           static_cast<u8>(entry.type)};
  std::byte* const at = &to_[used_];
  std::memset(at, 0, size);
  std::memcpy(at, &header, sizeof(header));
  std::memcpy(at + sizeof(header), entry.name.data(), entry.name.size());
  used_ += size;
  next_ = entry.next;
  return true;
}

}  // namespace meridian
