// SPDX-License-Identifier: MIT
#include "kernel/fs/cpio.h"

#include "kernel/lib/bits.h"

namespace meridian {
namespace {

constexpr std::string_view kMagicNewc = "070701", kMagicCrc = "070702", kTrailer = "TRAILER!!!";
constexpr usize kMagicSize = 6, kFieldSize = 8, kFields = 13;
constexpr usize kHeaderSize = kMagicSize + kFields * kFieldSize;
constexpr u64 kAlignment = 4;
constexpr u32 kLongestName = 4096;  // Linux's PATH_MAX, the NUL included

/// The header's fields, in order.
enum FieldIndex : usize {
  kInode,
  kMode,
  kUid,
  kGid,
  kLinks,
  kTime,
  kFileSize,
  kDeviceMajor,
  kDeviceMinor,
  kSpecialMajor,
  kSpecialMinor,
  kNameSize,
  kChecksum,
};

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view without_root(std::string_view path) {
  for (;;) {
    if (path.starts_with("./"))
      path.remove_prefix(2);
    else if (path.starts_with('/'))
      path.remove_prefix(1);
    else
      return path;
  }
}

u32 sum_of(std::span<const std::byte> data) {
  u32 sum = 0;
  for (const std::byte b : data) sum += static_cast<u32>(b);
  return sum;
}

}  // namespace

ArchiveKind archive_kind(std::span<const std::byte> archive) {
  using std::string_view_literals::operator""sv;
  const std::string_view text = text_of(archive);
  if (text.empty()) return ArchiveKind::empty;
  if (text.starts_with(kMagicNewc)) return ArchiveKind::newc;
  if (text.starts_with(kMagicCrc)) return ArchiveKind::newc_crc;
  if (text.starts_with("070707")) return ArchiveKind::old_ascii;
  if (text.starts_with("\xc7\x71") || text.starts_with("\x71\xc7")) return ArchiveKind::old_binary;
  if (text.starts_with("\x1f\x8b")) return ArchiveKind::gzip;
  if (text.starts_with("BZh")) return ArchiveKind::bzip2;
  if (text.starts_with("\xfd"
                       "7zXZ\0"sv))
    return ArchiveKind::xz;
  if (text.starts_with("\x5d\0\0"sv)) return ArchiveKind::lzma;
  if (text.starts_with("\x02\x21\x4c\x18") || text.starts_with("\x04\x22\x4d\x18"))
    return ArchiveKind::lz4;
  if (text.starts_with("\x28\xb5\x2f\xfd")) return ArchiveKind::zstd;
  if (text.starts_with("\x89LZO")) return ArchiveKind::lzo;
  return ArchiveKind::unknown;
}

const char* name_of(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::newc:
      return "a newc cpio archive";
    case ArchiveKind::newc_crc:
      return "a newc cpio archive with checksums";
    case ArchiveKind::old_ascii:
      return "an old (odc) cpio archive";
    case ArchiveKind::old_binary:
      return "an old binary cpio archive";
    case ArchiveKind::gzip:
      return "a gzip file";
    case ArchiveKind::bzip2:
      return "a bzip2 file";
    case ArchiveKind::xz:
      return "an xz file";
    case ArchiveKind::lzma:
      return "an lzma file";
    case ArchiveKind::lz4:
      return "an lz4 file";
    case ArchiveKind::zstd:
      return "a zstd file";
    case ArchiveKind::lzo:
      return "an lzop file";
    case ArchiveKind::empty:
      return "empty";
    case ArchiveKind::unknown:
      return "no archive that is known here";
  }
  UNREACHABLE();
}

Result<std::optional<CpioEntry>> CpioReader::next() {
  if (!TRY(skip_padding())) return std::optional<CpioEntry>{};
  for (;;) {
    const CpioEntry entry = TRY(read_entry());
    if (entry.name != kTrailer) return std::optional<CpioEntry>{entry};
    ended_ = true;
    if (!TRY(skip_padding())) return std::optional<CpioEntry>{};
  }
}

/// Moves to the next header; false at the end of the archive. Zeros may stand between archives
/// only.
Result<bool> CpioReader::skip_padding() {
  if (ended_ || at_ == 0)
    while (at_ < archive_.size() && archive_[at_] == std::byte{0}) ++at_;
  if (at_ < archive_.size()) return true;
  if (ended_) return false;
  return Error{Errc::truncated, archive_.size()};  // no trailer, or nothing at all
}

Result<CpioEntry> CpioReader::read_entry() {
  const std::span<const std::byte> rest = archive_.subspan(at_);
  const ArchiveKind kind = archive_kind(rest);
  if (kind != ArchiveKind::newc && kind != ArchiveKind::newc_crc)
    return Error{kind == ArchiveKind::unknown ? Errc::bad_format : Errc::unsupported, at_};
  if (rest.size() < kHeaderSize) return Error{Errc::truncated, at_};

  CpioEntry entry;
  entry.offset = at_;
  entry.inode = TRY(field(kInode));
  entry.mode = TRY(field(kMode));
  entry.links = TRY(field(kLinks));
  entry.device_major = TRY(field(kDeviceMajor));
  entry.device_minor = TRY(field(kDeviceMinor));
  entry.special_major = TRY(field(kSpecialMajor));
  entry.special_minor = TRY(field(kSpecialMinor));
  const u32 file_size = TRY(field(kFileSize)), name_size = TRY(field(kNameSize));
  if (name_size == 0 || name_size > kLongestName) return Error{Errc::bad_format, at_};

  position_ = at_ + kHeaderSize;
  const std::string_view name = text_of(TRY(take(name_size)));
  if (name.find('\0') != name_size - 1) return Error{Errc::bad_format, at_ + kHeaderSize};
  entry.name = without_root(name.substr(0, name_size - 1));
  entry.data = TRY(take(file_size));
  if (kind == ArchiveKind::newc_crc && entry.is_file() &&
      sum_of(entry.data) != TRY(field(kChecksum)))
    return Error{Errc::bad_format, at_};
  at_ = position_;
  ended_ = false;
  return entry;
}

/// The header's `index`th number: eight hexadecimal digits.
Result<u32> CpioReader::field(usize index) const {
  const u64 start = at_ + kMagicSize + index * kFieldSize;
  u32 value = 0;
  for (u64 i = start; i < start + kFieldSize; ++i) {
    const char c = static_cast<char>(archive_[i]);
    const char lower = static_cast<char>(c | 0x20);
    u32 digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<u32>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      digit = static_cast<u32>(lower - 'a') + 10;
    else
      return Error{Errc::bad_format, i};
    value = value << 4 | digit;
  }
  return value;
}

/// The next `size` bytes, and past the padding behind them; the last padding may be missing.
Result<std::span<const std::byte>> CpioReader::take(u64 size) {
  if (size == 0) return std::span<const std::byte>{};
  if (position_ > archive_.size() || size > archive_.size() - position_)
    return Error{Errc::truncated, at_};
  const std::span<const std::byte> bytes = archive_.subspan(position_, size);
  position_ = align_up(position_ + size, kAlignment);
  return bytes;
}

Result<CpioEntry> find_in_cpio(std::span<const std::byte> archive, std::string_view path) {
  path = without_root(path);
  std::optional<CpioEntry> found;
  CpioReader reader(archive);
  while (const std::optional<CpioEntry> entry = TRY(reader.next()))
    if (entry->name == path) found = entry;
  if (!found) return Error{Errc::not_found};
  if (!found->is_file() || found->links < 2 || !found->data.empty()) return *found;

  // Of several hard links, newc stores the data with the last only.
  CpioReader again(archive);
  while (const std::optional<CpioEntry> entry = TRY(again.next()))
    if (same_file(*entry, *found) && !entry->data.empty()) found->data = entry->data;
  return *found;
}

}  // namespace meridian
