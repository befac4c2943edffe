// SPDX-License-Identifier: MIT
#include "kernel/fs/initramfs.h"

#include "kernel/fs/cpio.h"
#include "kernel/fs/path.h"

namespace meridian {
namespace {

class Unpacker {
 public:
  Unpacker(std::span<const std::byte> archive, const Ref<Directory>& root)
      : archive_(archive), start_{root, root} {}

  Result<void> run() {
    CpioReader reader(archive_);
    while (const std::optional<CpioEntry> entry = TRY(reader.next())) {
      if (entry->name.empty() || entry->name == ".") continue;
      TRY(make(*entry));
    }
    return {};
  }

 private:
  Result<void> make(const CpioEntry& entry) {
    const std::optional<InodeType> type = type_of_mode(entry.mode);
    if (!type) return Error{Errc::bad_format, entry.offset};
    if (type == InodeType::directory) return make_directory(entry);
    (void)unlink_at(start_, entry.name);
    TRY(make_parents(entry.name));
    if (type == InodeType::regular) return make_file(entry);
    TRY(make_at(start_, entry.name,
                {.type = *type,
                 .permissions = entry.mode & Inode::kPermissions,
                 .device = device_number(entry.special_major, entry.special_minor),
                 .target = text_of(entry.data)}));
    return {};
  }

  Result<void> make_directory(const CpioEntry& entry) {
    TRY(make_parents(entry.name));
    const auto made =
        make_at(start_, entry.name, {.type = InodeType::directory, .permissions = entry.mode});
    if (made.has_value()) return {};
    if (made.error().code != Errc::exists) return made.error();
    TRY(look_up(start_, entry.name))->set_permissions(entry.mode);
    return {};
  }

  Result<void> make_parents(std::string_view path) {
    for (usize slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      const auto made = make_at(start_, path.substr(0, slash),
                                {.type = InodeType::directory, .permissions = 0755});
      if (!made.has_value() && made.error().code != Errc::exists) return made.error();
    }
    return {};
  }

  /// Of several links to a file, newc stores the data with the last only, so a file is written
  /// whenever data comes for it.
  Result<void> make_file(const CpioEntry& entry) {
    if (entry.links > 1 && TRY(link_to_earlier(entry)) && entry.data.empty()) return {};
    const OpenFlags flags(OpenFlags::kCreate | OpenFlags::kWriteOnly);
    const auto file = TRY(open_path(start_, entry.name, flags, entry.mode));
    if (TRY(file->write(entry.data)) != entry.data.size()) return Error{Errc::out_of_frames};
    return {};
  }

  /// True if an entry before this one is the same file; then this is one more name for it.
  Result<bool> link_to_earlier(const CpioEntry& entry) {
    CpioReader reader(archive_);
    while (const std::optional<CpioEntry> earlier = TRY(reader.next())) {
      if (earlier->offset >= entry.offset) return false;
      if (!earlier->is_file() || !same_file(*earlier, entry)) continue;
      const auto inode = look_up(start_, earlier->name, FollowLast::no);
      if (!inode.has_value() || !inode.value()->is(InodeType::regular)) continue;
      TRY(link_at(start_, entry.name, *inode.value()));
      return true;
    }
    return false;
  }

  static std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::span<const std::byte> archive_;
  PathStart start_;
};

}  // namespace

Result<void> unpack_initramfs(std::span<const std::byte> archive, const Ref<Directory>& root) {
  return Unpacker(archive, root).run();
}

}  // namespace meridian
