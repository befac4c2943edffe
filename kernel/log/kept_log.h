// SPDX-License-Identifier: MIT
/// What was logged is kept, as far as there is room: the newest of it, for syslog(2) and `dmesg`. Each line has its
/// level before it ("<6>", information), as Linux has it.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait_queue.h"

namespace meridian {

class KeptLog {
 public:
  static constexpr usize kSize = 8 << 10;

  void add(std::string_view text);

  /// The newest bytes since clear(), as many as `to` takes, oldest first; returns how many.
  usize read_newest(std::span<char> to);
  /// Those that nobody has read in this way, oldest first, and then they are read.
  usize read_next(std::span<char> to);
  usize unread();
  /// Waits until something is unread. Errc::interrupted.
  Result<void> wait();
  void clear();

 private:
  /// Positions count all bytes ever added.
  struct Ring {
    std::array<char, kSize> bytes{};
    u64 written = 0, read = 0, cleared = 0;

    /// The first byte from `position` on that is still there.
    u64 kept_from(u64 position) const {
      const u64 oldest = written > kSize ? written - kSize : 0;
      return position > oldest ? position : oldest;
    }
    usize copy(u64 from, std::span<char> to) const;
  };

  Locked<Ring> ring_;
  WaitQueue added_;
};

KeptLog& kept_log();

}  // namespace meridian
