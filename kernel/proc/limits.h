// SPDX-License-Identifier: MIT
/// Resource limits (getrlimit(2)), by Linux's numbers. Those of a process's memory are enforced by its
/// space, that of descriptors where they are given out.
#pragma once

#include <array>

#include "kernel/fs/fd_table.h"
#include "kernel/proc/capabilities.h"
#include "mm/user/user_space.h"

namespace meridian {

enum class LimitKind : u32 {
  cpu = 0,
  file_size = 1,
  data = 2,
  stack = 3,
  core = 4,
  resident = 5,
  processes = 6,
  files = 7,
  locked = 8,
  address_space = 9,
  locks = 10,
  signals = 11,
  message_queues = 12,
  nice = 13,
  realtime_priority = 14,
  realtime_time = 15,
};
inline constexpr u32 kLimitKinds = 16;

struct Limit {
  static constexpr u64 kNone = ~u64{0};
  u64 soft = kNone, hard = kNone;
};

class Limits {
 public:
  /// What Linux gives its first process.
  constexpr Limits() {
    (*this)[LimitKind::stack].soft = 8_MiB;
    (*this)[LimitKind::core].soft = 0;
    (*this)[LimitKind::processes] = (*this)[LimitKind::signals] = {kMostProcesses, kMostProcesses};
    (*this)[LimitKind::files] = {1024, FdTable::kMost};
    (*this)[LimitKind::locked] = {8_MiB, 8_MiB};
    (*this)[LimitKind::message_queues] = {819'200, 819'200};
    (*this)[LimitKind::nice] = (*this)[LimitKind::realtime_priority] = {0, 0};
  }

  constexpr Limit& operator[](LimitKind kind) { return limits_[static_cast<u32>(kind)]; }
  constexpr const Limit& operator[](LimitKind kind) const {
    return limits_[static_cast<u32>(kind)];
  }
  /// Those that the process's space enforces.
  SpaceLimits of_space(const Capabilities& capabilities) const {
    return {.address_space = (*this)[LimitKind::address_space].soft,
            .data = (*this)[LimitKind::data].soft,
            .stack = (*this)[LimitKind::stack].soft,
            .locked = capabilities.has(Capabilities::kLockMemory)
                          ? SpaceLimits::kNone
                          : (*this)[LimitKind::locked].soft};
  }

  static constexpr u64 kMostProcesses = 4096;

 private:
  std::array<Limit, kLimitKinds> limits_;
};

}  // namespace meridian
