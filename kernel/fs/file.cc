// SPDX-License-Identifier: MIT
#include "kernel/fs/file.h"

namespace meridian {

void File::set_flags(u32 bits) {
  u32 old = flags_.load(std::memory_order_relaxed);
  while (!flags_.compare_exchange_weak(
      old, (old & ~OpenFlags::kChangeable) | (bits & OpenFlags::kChangeable))) {
  }
}

Result<u64> File::read(ByteSink& to) {
  if (!flags().may_read()) return Error{Errc::bad_descriptor};
  return do_read(to);
}

Result<u64> File::write(ByteSource& from) {
  if (!flags().may_write()) return Error{Errc::bad_descriptor};
  return do_write(from);
}

Result<u64> File::read_at(u64 offset, ByteSink& to) {
  if (!flags().may_read()) return Error{Errc::bad_descriptor};
  if (offset > MemoryObject::kMostBytes) return Error{Errc::invalid_argument, offset};
  return do_read_at(offset, to);
}

Result<u64> File::write_at(u64 offset, ByteSource& from) {
  if (!flags().may_write()) return Error{Errc::bad_descriptor};
  if (offset > MemoryObject::kMostBytes) return Error{Errc::invalid_argument, offset};
  return do_write_at(offset, from);
}

Result<u64> File::read(std::span<std::byte> to) {
  MemorySink sink(to);
  return read(sink);
}
Result<u64> File::write(std::span<const std::byte> from) {
  MemorySource source(from);
  return write(source);
}
Result<u64> File::read_at(u64 offset, std::span<std::byte> to) {
  MemorySink sink(to);
  return read_at(offset, sink);
}
Result<u64> File::write_at(u64 offset, std::span<const std::byte> from) {
  MemorySource source(from);
  return write_at(offset, source);
}
Result<u64> File::list(std::span<std::byte> to) {
  MemorySink sink(to);
  return list(sink);
}

Result<u64> File::seek(i64, Whence) { return Error{Errc::not_seekable}; }
Result<u64> File::list(ByteSink&) { return Error{Errc::not_a_directory}; }
Result<u64> File::ioctl(u32 request, IoctlArgument&) {
  return Error{Errc::not_a_terminal, request};
}

Result<u64> PositionedFile::seek(i64 offset, Whence whence) {
  return position_.with([&](u64& position) -> Result<u64> {
    const u64 base = whence == Whence::set ? 0 : whence == Whence::current ? position : end();
    i64 wanted = 0;
    if (__builtin_add_overflow(static_cast<i64>(base), offset, &wanted) || wanted < 0)
      return Error{Errc::invalid_argument, static_cast<u64>(offset)};
    return position = static_cast<u64>(wanted);
  });
}

Result<u64> PositionedFile::do_read(ByteSink& to) {
  return position_.with([&](u64& position) -> Result<u64> {
    const u64 count = TRY(read_from(position, to));
    position += count;
    return count;
  });
}

Result<u64> PositionedFile::do_write(ByteSource& from) {
  return position_.with([&](u64& position) { return write_to(position, from); });
}

Result<u64> PositionedFile::do_read_at(u64 offset, ByteSink& to) { return read_from(offset, to); }

Result<u64> PositionedFile::do_write_at(u64 offset, ByteSource& from) {
  return write_to(offset, from);
}

}  // namespace meridian
