// SPDX-License-Identifier: MIT
/// Linux's error numbers, as far as this kernel has a use for them.
#pragma once

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian {

enum class Errno : u16 {
  eperm = 1,
  eintr = 4,
  eio = 5,
  ebadf = 9,
  eagain = 11,
  enomem = 12,
  eacces = 13,
  efault = 14,
  eexist = 17,
  einval = 22,
  enosys = 38,
};

/// The number that tells a program what kept its call from being done.
constexpr Errno errno_of(Errc code) {
  switch (code) {
    case Errc::fault:
      return Errno::efault;
    case Errc::out_of_frames:
    case Errc::out_of_address_space:
    case Errc::out_of_slots:
    case Errc::not_mapped:
    case Errc::over_limit:
      return Errno::enomem;
    case Errc::not_permitted:
      return Errno::eperm;
    case Errc::try_again:
      return Errno::eagain;
    case Errc::already_mapped:
      return Errno::eexist;
    case Errc::write_and_execute:
    case Errc::no_access:
      return Errno::eacces;
    case Errc::unsupported:
      return Errno::enosys;
    case Errc::interrupted:
      return Errno::eintr;
    default:
      return Errno::einval;
  }
}

/// What a call leaves in x0: a value, or minus an error number.
class SyscallResult {
 public:
  constexpr SyscallResult(u64 value) : raw_(value) {}  // NOLINT: implicit by design
  constexpr SyscallResult(UserAddr address) : raw_(address.value()) {}  // NOLINT
  constexpr SyscallResult(Errno number)                                 // NOLINT
      : raw_(~static_cast<u64>(number) + 1) {}
  constexpr SyscallResult(Error error) : SyscallResult(errno_of(error.code)) {}  // NOLINT
  constexpr SyscallResult(const Result<void>& result)                            // NOLINT
      : raw_(0) {
    if (!result.has_value()) *this = SyscallResult(result.error());
  }

  constexpr u64 raw() const { return raw_; }

 private:
  u64 raw_;
};

}  // namespace meridian
