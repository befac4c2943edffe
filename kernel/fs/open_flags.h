// SPDX-License-Identifier: MIT
/// How a file is opened: Linux's O_ flags, with arm64's numbers.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

class OpenFlags {
 public:
  enum Bit : u32 {
    kReadOnly = 0,
    kWriteOnly = 1,
    kReadWrite = 2,
    kCreate = 0100,
    kExclusive = 0200,
    kNoControllingTerminal = 0400,
    kTruncate = 01000,
    kAppend = 02000,
    kNonblock = 04000,
    kDirectory = 040000,
    kNoFollow = 0100000,
    kDirect = 0200000,
    kLargeFile = 0400000,
    kNoAccessTime = 01000000,
    kCloseOnExec = 02000000,
    kPath = 010000000,
    kUnnamed = 020000000,  // O_TMPFILE, which also has O_DIRECTORY
  };
  /// What fcntl(F_SETFL) may change.
  static constexpr u32 kChangeable = kAppend | kNonblock | kDirect | kNoAccessTime;

  /// What an open file keeps: the others are for the moment of opening, or a descriptor's.
  static constexpr u32 kKept =
      3 | kChangeable | kDirectory | kNoFollow | kLargeFile | kPath | kUnnamed;

  constexpr OpenFlags() = default;
  constexpr explicit OpenFlags(u32 bits) : bits_(bits) {}

  constexpr u32 bits() const { return bits_; }
  constexpr OpenFlags kept() const { return OpenFlags(bits_ & kKept); }
  constexpr bool has(Bit bit) const { return (bits_ & bit) != 0; }
  constexpr bool may_read() const { return !has(kPath) && access() != kWriteOnly; }
  constexpr bool may_write() const { return !has(kPath) && access() != kReadOnly; }

 private:
  static constexpr u32 kAccess = 3;
  constexpr u32 access() const { return bits_ & kAccess; }

  u32 bits_ = 0;
};

}  // namespace meridian
