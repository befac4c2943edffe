// SPDX-License-Identifier: MIT
#include "kernel/fs/root.h"

#include <arch/clock.h>

#include "kernel/fs/devices.h"
#include "kernel/fs/initramfs.h"
#include "kernel/fs/random.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/init/system.h"
#include "kernel/log/log.h"
#include "kernel/sync/mutex.h"
#include "kernel/time/clock.h"

namespace meridian {
namespace {

/// With a reference that is never given back: a global with a destructor would want an atexit().
constinit Guarded<Directory*> the_root{nullptr};
constinit std::span<const ProcFile> proc_files{}, sys_files{};
constinit ProcSource* proc_source = nullptr;

/// The directory `name` in `root`, made if the initramfs has none.
Result<Ref<Directory>> directory_in(Directory& root, std::string_view name, u32 permissions) {
  const auto made = root.create(name, {.type = InodeType::directory, .permissions = permissions});
  if (!made.has_value() && made.error().code != Errc::exists) return made.error();
  return directory_of(TRY(root.find(name)));
}

/// A name that the initramfs has already stays as it is.
Result<void> add_devices(Directory& root) {
  const auto dev = TRY(directory_in(root, "dev", 0755));
  const Result<void> named = make_device_names(*dev);
  if (!named.has_value() && named.error().code != Errc::exists) return named;
  TRY(directory_in(*dev, "shm", 01777));
  const auto link =
      dev->create("fd", {.type = InodeType::symbolic_link, .target = "/proc/self/fd"});
  if (!link.has_value() && link.error().code != Errc::exists) return link.error();
  return {};
}

/// A tmpfs with the archive in it; an empty one if the archive is damaged.
Result<Ref<Directory>> unpacked(std::span<const std::byte> archive) {
  Ref<Directory> root = TRY(make_tmpfs(file_time));
  if (archive.empty()) return root;
  const Result<void> done = unpack_initramfs(archive, root);
  if (done.has_value()) return root;
  log("initramfs", "{} at byte {}: no file of it is used", name_of(done.error().code),
      done.error().about);
  return make_tmpfs(file_time);
}

Result<Ref<Directory>> make_root() {
  random_bytes().add(arch::counter());
  Ref<Directory> root = TRY(unpacked(the_system().initramfs));
  TRY(add_devices(*root));
  TRY(directory_in(*root, "tmp", 01777));
  const auto proc = TRY(directory_in(*root, "proc", 0555));
  TRY(proc->mount(*TRY(make_proc())));
  const auto sys = TRY(directory_in(*root, "sys", 0555));
  TRY(sys->mount(*TRY(make_proc_fs(file_time, sys_files, nullptr))));
  return root;
}

}  // namespace

FileTime file_time() {
  const u64 now = real_time();
  return {static_cast<i64>(now / kNanosecondsPerSecond),
          static_cast<u32>(now % kNanosecondsPerSecond)};
}

Result<Ref<Directory>> make_proc() {
  return make_proc_fs(file_time, proc_files, proc_source);
}

Result<Ref<Directory>> root_directory() {
  return the_root.with([](Directory*& root) -> Result<Ref<Directory>> {
    if (root == nullptr) root = TRY(make_root()).let_go();
    return Ref<Directory>(*root);
  });
}

Result<PathStart> root_start() {
  const Ref<Directory> root = TRY(root_directory());
  return PathStart{root, root};
}

void fill_proc(std::span<const ProcFile> files, ProcSource& source,
               std::span<const ProcFile> sys) {
  proc_files = files;
  sys_files = sys;
  proc_source = &source;
}

}  // namespace meridian
