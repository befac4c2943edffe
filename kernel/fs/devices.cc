// SPDX-License-Identifier: MIT
#include "kernel/fs/devices.h"

#include <array>

#include "kernel/fs/counted.h"
#include "kernel/fs/file.h"
#include "kernel/fs/random.h"
#include "kernel/fs/tty.h"

namespace meridian {
namespace {

/// A device that has no state: what one read and one write do.
struct Stateless {
  Result<u64> (*read)(ByteSink& to);
  Result<u64> (*write)(ByteSource& from);
};

Result<u64> read_nothing(ByteSink&) { return u64{0}; }
Result<u64> read_zeros(ByteSink& to) {
  to.put_zeros(to.left());
  return to.result();
}
Result<u64> read_random(ByteSink& to) {
  std::array<std::byte, 256> piece;
  while (to.left() != 0 && !to.has_failed()) {
    random_bytes().fill(piece);
    to.put(piece);
  }
  return to.result();
}
Result<u64> write_nowhere(ByteSource& from) {
  from.drop(from.left());
  return from.done();
}
Result<u64> write_to_full(ByteSource&) { return Error{Errc::no_space}; }

constexpr Stateless kNull{read_nothing, write_nowhere};
constexpr Stateless kZero{read_zeros, write_nowhere};
constexpr Stateless kFull{read_zeros, write_to_full};
constexpr Stateless kRandom{read_random, write_nowhere};

/// Wherever it is read it is the same; so its position does not matter, but can be asked for.
class StatelessFile final : public File {
 public:
  StatelessFile(const Stateless& device, Ref<Inode> inode, OpenFlags flags)
      : File(std::move(inode), flags), device_(device) {}

  bool is_seekable() const override { return true; }
  Result<u64> seek(i64, Whence) override { return u64{0}; }

 private:
  Result<u64> do_read(ByteSink& to) override { return device_.read(to); }
  Result<u64> do_write(ByteSource& from) override { return device_.write(from); }
  Result<u64> do_read_at(u64, ByteSink& to) override { return device_.read(to); }
  Result<u64> do_write_at(u64, ByteSource& from) override { return device_.write(from); }
  void destroy_this() override { destroy_counted(this); }

  const Stateless& device_;
};

template <const Stateless& kDevice>
Result<Ref<File>> open_stateless(Ref<Inode> inode, OpenFlags flags) {
  return Ref<File>(TRY(make_counted<StatelessFile>(kDevice, std::move(inode), flags)));
}

Result<Ref<File>> open_console(Ref<Inode> inode, OpenFlags flags) {
  return open_tty(console_tty(), std::move(inode), flags);
}

constexpr u64 kZeroDevice = device_number(1, 5);

/// Numbers and names as in Linux's devices.txt.
struct Device {
  u64 number;
  std::string_view name;
  u32 permissions;
  Result<Ref<File>> (*open)(Ref<Inode> inode, OpenFlags flags);
};
constexpr Device kDevices[] = {
    {device_number(1, 3), "null", 0666, open_stateless<kNull>},
    {kZeroDevice, "zero", 0666, open_stateless<kZero>},
    {device_number(1, 7), "full", 0666, open_stateless<kFull>},
    {device_number(1, 8), "random", 0666, open_stateless<kRandom>},
    {device_number(1, 9), "urandom", 0666, open_stateless<kRandom>},
    {device_number(5, 0), "tty", 0666, open_console},
    {device_number(5, 1), "console", 0600, open_console},
    {device_number(204, 64), "ttyAMA0", 0600, open_console},
};

}  // namespace

Result<Ref<File>> open_device(u64 number, Ref<Inode> inode, OpenFlags flags) {
  for (const Device& device : kDevices)
    if (device.number == number) return device.open(std::move(inode), flags);
  return Error{Errc::no_device, number};
}

bool maps_zeros(Inode& inode) {
  return inode.is(InodeType::character_device) && inode.status().special_device == kZeroDevice;
}

Result<void> make_device_names(Directory& directory) {
  for (const Device& device : kDevices)
    TRY(directory.create(device.name, {.type = InodeType::character_device,
                                       .permissions = device.permissions,
                                       .device = device.number}));
  return {};
}

}  // namespace meridian
