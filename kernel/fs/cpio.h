// SPDX-License-Identifier: MIT
/// The initramfs: a cpio archive of the "newc" kind, read in place. Every header field and every
/// byte of a name or file is checked against the archive's end; errors carry the offset of what is
/// wrong.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian {

/// What a file that should be an initramfs starts with.
enum class ArchiveKind : u8 {
  newc,
  newc_crc,
  old_ascii,   // cpio -H odc
  old_binary,  // cpio -H bin
  gzip,
  bzip2,
  xz,
  lzma,
  lz4,
  zstd,
  lzo,
  empty,
  unknown,
};

ArchiveKind archive_kind(std::span<const std::byte> archive);
/// Its name for a message: "a gzip file".
const char* name_of(ArchiveKind kind);

struct CpioEntry {
  std::string_view name;            // as stored, but for a leading "./" or "/"
  std::span<const std::byte> data;  // a symbolic link's target
  u32 mode = 0;                     // as in stat(2)
  u32 inode = 0, links = 0;
  u32 device_major = 0, device_minor = 0;    // where the file was
  u32 special_major = 0, special_minor = 0;  // of a device, its number
  u64 offset = 0;                            // of its header in the archive

  static constexpr u32 kTypeMask = 0170000, kFile = 0100000, kDirectory = 0040000, kLink = 0120000;
  bool is_file() const { return (mode & kTypeMask) == kFile; }
  bool is_directory() const { return (mode & kTypeMask) == kDirectory; }
  bool is_symbolic_link() const { return (mode & kTypeMask) == kLink; }
};

/// True if both are names of one file.
inline bool same_file(const CpioEntry& a, const CpioEntry& b) {
  return a.inode == b.inode && a.device_major == b.device_major && a.device_minor == b.device_minor;
}

/// Goes through an archive, or several behind each other, entry by entry.
class CpioReader {
 public:
  explicit CpioReader(std::span<const std::byte> archive) : archive_(archive) {}

  /// The next entry; nothing after the last. Errc::bad_format or Errc::truncated with the offset;
  /// Errc::unsupported if it is a compressed or older kind (see archive_kind()).
  Result<std::optional<CpioEntry>> next();

 private:
  Result<bool> skip_padding();
  Result<CpioEntry> read_entry();
  Result<u32> field(usize index) const;
  Result<std::span<const std::byte>> take(u64 size);

  std::span<const std::byte> archive_;
  u64 at_ = 0;          // of the entry being read; 4-byte aligned
  u64 position_ = 0;    // inside it
  bool ended_ = false;  // past a trailer
};

/// The file (with its data, also when it is one of several hard links) called `path`, with or
/// without a leading '/'. Of several entries of one name the last counts, as on Linux.
/// Errc::not_found.
Result<CpioEntry> find_in_cpio(std::span<const std::byte> archive, std::string_view path);

}  // namespace meridian
