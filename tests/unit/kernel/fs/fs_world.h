// SPDX-License-Identifier: MIT
/// A machine with a file tree, for tests: what one does with paths, as errno numbers and text.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "fake_ram.h"
#include "kernel/fs/path.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/syscall/errno.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"

namespace meridian {

inline constexpr PhysRange kFsRam{PhysAddr(0x4000'0000), 64_MiB};

/// 0, or the number of the error.
template <typename T>
int error_of(const Result<T>& result) {
  return result.has_value() ? 0 : static_cast<int>(errno_of(result.error().code));
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A clock that the test turns.
inline i64 fake_seconds = 1000;
inline FileTime fake_clock() { return {fake_seconds, 5}; }

class FsWorld : public testing::Test {
 protected:
  FsWorld() : ram(std::initializer_list<PhysRange>{kFsRam}) {
    fake_seconds = 1000;
    const Ref<Directory> root = make_tmpfs(fake_clock).take();
    start = {root, root};
  }
  ~FsWorld() override {
    start = {};
    close_kmalloc();
    EXPECT_EQ(frames_out(), 0u) << "memory is missing, or too much came back";
  }

  /// Frames that are not free, without those behind the frame table.
  u64 frames_out() const {
    return kFsRam.size() / kPageSize - free_frame_count() - ram.backing.frames();
  }

  Result<Ref<File>> open(std::string_view path, u32 flags = 0) {
    return open_path(start, path, OpenFlags(flags), 0644);
  }
  Result<Ref<Inode>> mkdir(std::string_view path) {
    return make_at(start, path, {.type = InodeType::directory, .permissions = 0755});
  }
  Result<Ref<Inode>> symlink(std::string_view target, std::string_view path) {
    return make_at(start, path, {.type = InodeType::symbolic_link, .target = target});
  }
  Result<void> link(std::string_view old, std::string_view path) {
    return link_at(start, path, *TRY(look_up(start, old, FollowLast::no)));
  }
  Result<void> unlink(std::string_view path) { return unlink_at(start, path); }
  Result<void> rmdir(std::string_view path) { return remove_directory_at(start, path); }
  Result<void> rename(std::string_view old, std::string_view path,
                      RenameMode mode = RenameMode::replace) {
    return rename_at(start, old, start, path, mode);
  }
  Result<InodeStatus> stat(std::string_view path, FollowLast follow = FollowLast::yes) {
    return TRY(look_up(start, path, follow))->status();
  }

  /// Makes or replaces a file.
  void write_file(std::string_view path, std::string_view text) {
    const auto file = open(path, OpenFlags::kCreate | OpenFlags::kTruncate | OpenFlags::kReadWrite);
    ASSERT_TRUE(file.has_value()) << path;
    ASSERT_EQ(file.value()->write(bytes_of(text)).value_or(~u64{0}), text.size());
  }
  std::string read_file(std::string_view path) {
    auto file = open(path);
    return file.has_value() ? read_all(*file.value()) : "no such file";
  }
  static std::string read_all(File& file) {
    std::string text;
    char piece[512];
    while (const u64 count = file.read(std::as_writable_bytes(std::span(piece))).value_or(0))
      text.append(piece, count);
    return text;
  }
  /// The names that getdents64 tells, in its order, with a buffer of `size` bytes for each call.
  std::vector<std::string> list(std::string_view path, usize size = 4096) {
    std::vector<std::string> names;
    const auto directory = open(path, OpenFlags::kDirectory).take();
    std::vector<std::byte> buffer(size);
    while (const u64 count = directory->list(buffer).value()) append_names(buffer, count, names);
    return names;
  }
  static void append_names(std::span<const std::byte> buffer, u64 count,
                           std::vector<std::string>& names) {
    for (u64 at = 0; at < count;) {
      u16 size = 0;
      std::memcpy(&size, &buffer[at + 16], sizeof(size));
      names.emplace_back(reinterpret_cast<const char*>(&buffer[at + 19]));
      at += size;
    }
  }

  FakeMachine ram;
  PathStart start;
};

}  // namespace meridian
