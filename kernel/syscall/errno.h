// SPDX-License-Identifier: MIT
/// Linux's error numbers, as far as this kernel has a use for them.
#pragma once

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian {

enum class Errno : u16 {
  eperm = 1,
  enoent = 2,
  esrch = 3,
  eintr = 4,
  eio = 5,
  enxio = 6,
  e2big = 7,
  enoexec = 8,
  ebadf = 9,
  echild = 10,
  eagain = 11,
  enomem = 12,
  eacces = 13,
  efault = 14,
  ebusy = 16,
  eexist = 17,
  exdev = 18,
  enodev = 19,
  enotdir = 20,
  eisdir = 21,
  einval = 22,
  emfile = 24,
  enotty = 25,
  efbig = 27,
  enospc = 28,
  espipe = 29,
  epipe = 32,
  erange = 34,
  edeadlk = 35,
  enametoolong = 36,
  enolck = 37,
  enosys = 38,
  enotempty = 39,
  eloop = 40,
  eoverflow = 75,
  elibbad = 80,
  enotsock = 88,
  eopnotsupp = 95,
  eafnosupport = 97,
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
    case Errc::exists:
      return Errno::eexist;
    case Errc::write_and_execute:
    case Errc::no_access:
      return Errno::eacces;
    case Errc::unsupported:
      return Errno::enosys;
    case Errc::interrupted:
      return Errno::eintr;
    case Errc::not_found:
      return Errno::enoent;
    case Errc::not_a_directory:
      return Errno::enotdir;
    case Errc::is_a_directory:
      return Errno::eisdir;
    case Errc::not_empty:
      return Errno::enotempty;
    case Errc::too_many_links:
      return Errno::eloop;
    case Errc::name_too_long:
      return Errno::enametoolong;
    case Errc::other_file_system:
      return Errno::exdev;
    case Errc::busy:
      return Errno::ebusy;
    case Errc::bad_descriptor:
      return Errno::ebadf;
    case Errc::too_many_files:
      return Errno::emfile;
    case Errc::file_too_large:
      return Errno::efbig;
    case Errc::no_space:
      return Errno::enospc;
    case Errc::not_seekable:
      return Errno::espipe;
    case Errc::broken_pipe:
      return Errno::epipe;
    case Errc::no_device:
      return Errno::enxio;
    case Errc::not_a_terminal:
      return Errno::enotty;
    case Errc::io_error:
      return Errno::eio;
    case Errc::no_process:
      return Errno::esrch;
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
  constexpr SyscallResult(const Result<u64>& result)  // NOLINT
      : SyscallResult(result.has_value() ? SyscallResult(result.value())
                                         : SyscallResult(result.error())) {}

  constexpr u64 raw() const { return raw_; }
  constexpr bool is_error() const { return raw_ >= ~u64{0} - 4094; }

 private:
  u64 raw_;
};

}  // namespace meridian
